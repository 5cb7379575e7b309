//! Deletes everything of one participant in the bucket: every version where the store keeps them.

use std::collections::HashSet;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Method, Reply};
use crate::limits::{LIST_PAGES_MAX, UPLOAD_FAILURES_IN_A_ROW_MAX};
use crate::s3::key::ObjectKey;
use crate::s3::list::{self, Continuation, ListedObject, Listing};
use crate::s3::store::{Store, Task};

/// What became of the objects.
#[derive(Debug, Default)]
pub struct Erased {
    pub objects: u64,
    pub versions: u64,
    /// What stays, with the reason.
    pub left: Vec<(ListedObject, Failure)>,
    /// The store would not list, so that only the keys that the ledger knew were deleted.
    pub unlisted: Option<Failure>,
    /// The store listed objects but no versions: it keeps none, or does not let them be seen.
    pub versions_unseen: Option<Failure>,
}

impl Erased {
    fn note(&mut self, item: &ListedObject, versioned: bool, done: Result<()>) -> Result<()> {
        match done {
            Ok(()) => {
                self.objects += 1;
                self.versions += u64::from(versioned);
                Ok(())
            }
            Err(failure) if out_of_reach(&failure) => Err(failure),
            Err(failure) => {
                self.left.push((item.clone(), failure));
                if self.objects == 0 && self.left.len() >= UPLOAD_FAILURES_IN_A_ROW_MAX {
                    let what = "the store refuses to delete; the rest was not tried";
                    return Err(Failure::new(ErrorClass::Config, what));
                }
                Ok(())
            }
        }
    }
}

/// Whether to try again later, rather than in another way.
fn out_of_reach(failure: &Failure) -> bool {
    use ErrorClass::{Clock, Network, Quota, Server};
    matches!(failure.class, Network | Server | Quota | Clock)
}

/// Deletes all below `users/{id}`. `known`: the keys that the ledger remembers, for a store that
/// lets nobody list. `progress` is told how many are gone.
pub fn erase(
    store: &Store,
    path: &str,
    known: &[String],
    progress: &dyn Fn(u64),
    erased: &mut Erased,
) -> Result<()> {
    let prefix = store.key(path)?;
    for versions in [true, false] {
        let first = match page(store, &prefix, versions, None) {
            Ok(first) => first,
            // No versions here, or no permission to see them: the objects then.
            Err(failure) if !out_of_reach(&failure) => {
                erased.unlisted = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        erased.versions_unseen = erased.unlisted.take();
        return erase_pages(store, &prefix, versions, first, progress, erased);
    }
    for path in known {
        let item = ListedObject { key: store.key(path)?.to_string(), version: None };
        let done = store.delete(&store.key(path)?);
        erased.note(&item, false, done)?;
        progress(erased.objects);
    }
    Ok(())
}

/// Lists from the start again after each page of which something went: what a page names as the
/// place to go on from may be gone with it.
fn erase_pages(
    store: &Store,
    prefix: &ObjectKey,
    versions: bool,
    first: Listing,
    progress: &dyn Fn(u64),
    erased: &mut Erased,
) -> Result<()> {
    let mut listing = first;
    let (mut stays, mut gone) = (HashSet::new(), HashSet::new());
    let mut strange = None;
    for _ in 0..LIST_PAGES_MAX {
        if let Some(item) = listing.items.iter().find(|item| gone.contains(*item)) {
            let what = format!("the store still lists {item}, which it said was deleted");
            return Err(Failure::new(ErrorClass::Server, what));
        }
        gone.clear();
        for item in listing.items {
            if !is_below(&item, prefix) {
                strange.get_or_insert(item);
                continue;
            }
            if stays.contains(&item) {
                continue;
            }
            let versioned = item.version.as_deref().is_some_and(|version| version != "null");
            let done = delete(store, &item);
            let went = done.is_ok();
            erased.note(&item, versioned, done)?;
            progress(erased.objects);
            if went {
                gone.insert(item)
            } else {
                stays.insert(item)
            };
        }
        let next = listing.next.filter(|_| gone.is_empty());
        if gone.is_empty() && next.is_none() {
            return strange.map_or(Ok(()), |item| Err(not_asked_for(&item, prefix)));
        }
        listing = page(store, prefix, versions, next.as_ref())?;
    }
    Err(Failure::new(ErrorClass::Format, format!("more than {LIST_PAGES_MAX} pages of objects")))
}

fn page(
    store: &Store,
    prefix: &ObjectKey,
    versions: bool,
    next: Option<&Continuation>,
) -> Result<Listing> {
    let reply = store.deliver(&Task {
        method: Method::Get,
        make: &|signing| list::list(signing, prefix, versions, next),
        answers: &[],
        explain: None,
        accept: &|reply| list::read(reply, versions).map(drop),
    })?;
    list::read(&reply, versions)
}

fn is_below(item: &ListedObject, prefix: &ObjectKey) -> bool {
    item.key.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

/// A store that lists what it was not asked for must not make us delete it.
fn not_asked_for(item: &ListedObject, prefix: &ObjectKey) -> Failure {
    let what = format!(
        "the store lists {item} where {prefix}/ was asked for, which was not touched; such a list \
         cannot be relied on: delete what is left of {prefix}/ with the store's own tools"
    );
    Failure::new(ErrorClass::Format, what)
}

fn delete(store: &Store, item: &ListedObject) -> Result<()> {
    let key = ObjectKey::listed(&item.key)?;
    let Some(version) = &item.version else { return store.delete(&key) };
    let make =
        |signing: &crate::s3::request::Signing<'_>| list::delete_version(signing, &key, version);
    let (method, accept) = (Method::Delete, &|_: &Reply| Ok(()));
    store.deliver(&Task { method, make: &make, answers: &[], explain: None, accept }).map(drop)
}
