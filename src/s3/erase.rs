//! Deletes everything of one participant in the bucket, every version where the store keeps them,
//! and says that it is gone only where the store has shown it: by a list that is empty, of versions
//! too, or by the answers to the deletions, which tell whether the bucket keeps versions.
//!
//! A list that is refused is never read as an empty one.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::Reply;
use crate::limits::{ERASE_REFUSALS_MAX, LIST_PAGES_MAX};
use crate::s3::error::read_error;
use crate::s3::key::ObjectKey;
use crate::s3::list::{self, Continuation, ListedObject, Listing, ObjectLock};
use crate::s3::refusal::Refusal;
use crate::s3::request::Signing;
use crate::s3::send::Task;
use crate::s3::store::Store;

/// What is to be deleted.
pub struct Erasure<'a> {
    /// All below this path of ours.
    pub path: &'a str,
    /// The paths that were sent, for a store that lets nobody list.
    pub sent: &'a dyn Fn() -> Result<Vec<String>>,
    /// Whether all of them were deleted by name before.
    pub names_done: bool,
    /// What answers of before told: whether the bucket keeps versions.
    pub versions_kept: Option<bool>,
    /// Is told how many are gone.
    pub progress: &'a dyn Fn(u64),
}

impl fmt::Debug for Erasure<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Erasure({})", self.path)
    }
}

/// What became of the objects.
#[derive(Debug, Default)]
pub struct Erased {
    pub objects: u64,
    pub versions: u64,
    /// What stays, with the reason.
    pub left: Vec<(ListedObject, Stays)>,
    /// Whether the bucket keeps versions, as far as the answers tell.
    pub versions_kept: Option<bool>,
    /// All that was sent was deleted by name.
    pub names_done: bool,
}

/// Why an object stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    Locked(ObjectLock),
    Refused(Failure),
}

impl fmt::Display for Stays {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(lock) => lock.fmt(out),
            Self::Refused(failure) => failure.fmt(out),
        }
    }
}

impl Stays {
    /// The end of the retention, where that alone keeps it.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Locked(lock) if !lock.legal_hold => lock.retained_until,
            Self::Locked(_) | Self::Refused(_) => None,
        }
    }
}

/// How many objects there are below a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub objects: u64,
    /// Of all of them together, with delete markers; `None` where the store does not list them.
    pub versions: Option<u64>,
}

/// A list that the store does not give.
struct Refused {
    /// What its answer means; `None` where no answer of S3's came.
    kind: Option<Refusal>,
    /// The store knows the question.
    is_implemented: bool,
    failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { kind: None, is_implemented: true, failure }
    }
}

impl Refused {
    /// Nothing is wrong with address, bucket and keys: they may delete all the same.
    fn is_of_lists_alone(&self) -> bool {
        matches!(self.kind, Some(Refusal::Denied | Refusal::Refused))
    }
}

/// Whether to try again later, rather than in another way.
pub fn out_of_reach(failure: &Failure) -> bool {
    use ErrorClass::{Clock, Network, Quota, Server};
    matches!(failure.class, Network | Server | Quota | Clock)
}

/// How many objects there are. Fails where the store does not list them.
pub fn count(store: &Store, path: &str) -> Result<Count> {
    let prefix = store.key(path)?;
    match count_pages(store, &prefix, true) {
        Ok((0, _)) => {}
        Ok((objects, versions)) => return Ok(Count { objects, versions: Some(versions) }),
        Err(refused) if out_of_reach(&refused.failure) => return Err(refused.failure),
        Err(_) => {}
    }
    let counted = count_pages(store, &prefix, false).map_err(|refused| refused.failure);
    counted.map(|(objects, _)| Count { objects, versions: None })
}

/// Keys and items. A list is sorted by key.
fn count_pages(
    store: &Store,
    prefix: &ObjectKey,
    versions: bool,
) -> std::result::Result<(u64, u64), Refused> {
    let (mut keys, mut items, mut last, mut next) = (0, 0, String::new(), None);
    for _ in 0..LIST_PAGES_MAX {
        let listing = page(store, prefix, versions, next.as_ref())?;
        for item in listing.items.into_iter().filter(|item| is_below(item, prefix)) {
            items += 1;
            if item.key != last {
                keys += 1;
                last = item.key;
            }
        }
        next = listing.next;
        if next.is_none() {
            return Ok((keys, items));
        }
    }
    Err(too_many().into())
}

/// Deletes all that there is. `Ok` where nothing is left but what `erased` lists.
pub fn erase(store: &Store, erasure: &Erasure<'_>, erased: &mut Erased) -> Result<()> {
    let prefix = store.key(erasure.path)?;
    let run = Run { store, prefix, erasure };
    let unseen = match page(store, &run.prefix, true, None) {
        Ok(first) => {
            run.erase_pages(true, first, erased)?;
            if !erased.left.is_empty() {
                return Ok(());
            }
            None
        }
        Err(refused) if out_of_reach(&refused.failure) => return Err(refused.failure),
        Err(refused) => Some(refused),
    };
    // Also where the list of versions is empty: a store without any may list none.
    match (page(store, &run.prefix, false, None), unseen) {
        (Ok(first), unseen) => {
            run.erase_pages(false, first, erased)?;
            match unseen {
                Some(unseen) => run.confirm_no_versions(&unseen, erased),
                None if erased.versions_kept == Some(true) => {
                    let what = "the bucket keeps versions, and does not list them all";
                    Err(Failure::new(ErrorClass::Format, what))
                }
                None => Ok(()),
            }
        }
        (Err(refused), _) if out_of_reach(&refused.failure) => Err(refused.failure),
        (Err(_), None) => Ok(()),
        (Err(refused), Some(_)) => run.erase_named(refused, erased),
    }
}

struct Run<'a> {
    store: &'a Store,
    prefix: ObjectKey,
    erasure: &'a Erasure<'a>,
}

impl Run<'_> {
    /// Lists from the start again after each page of which something went: what a page names as
    /// the place to go on from may be gone with it. The last list shows what is left.
    fn erase_pages(&self, versions: bool, first: Listing, erased: &mut Erased) -> Result<()> {
        let mut listing = first;
        let (mut stays, mut gone) = (HashSet::new(), HashSet::new());
        let mut strange = None;
        for _ in 0..LIST_PAGES_MAX {
            if let Some(item) = listing.items.iter().find(|item| gone.contains(*item)) {
                let what = format!("the store still lists {item}, which it said was deleted");
                return Err(Failure::new(ErrorClass::Format, what));
            }
            gone.clear();
            for item in listing.items {
                if !is_below(&item, &self.prefix) {
                    strange.get_or_insert(item);
                } else if !stays.contains(&item) {
                    let went = self.delete(&item, erased)?;
                    if went {
                        gone.insert(item)
                    } else {
                        stays.insert(item)
                    };
                }
            }
            let next = listing.next.filter(|_| gone.is_empty());
            if gone.is_empty() && next.is_none() {
                return strange.map_or(Ok(()), |item| Err(not_asked_for(&item, &self.prefix)));
            }
            listing = page(self.store, &self.prefix, versions, next.as_ref())
                .map_err(|refused| refused.failure)?;
        }
        Err(too_many())
    }

    /// Deletes by name what the ledger knows. That nothing else is there, nobody can tell.
    fn erase_named(&self, refused: Refused, erased: &mut Erased) -> Result<()> {
        if !refused.is_of_lists_alone() {
            return Err(refused.failure);
        }
        if !self.erasure.names_done {
            for path in (self.erasure.sent)()? {
                let key = self.store.key(&path)?.to_string();
                self.delete(&ListedObject { key, version: None }, erased)?;
            }
            erased.names_done = erased.left.is_empty();
        }
        let what = format!(
            "what the ledger still knows was deleted by name, but not confirmed: the store lists \
             nothing of what is left: allow s3:ListBucket and s3:ListBucketVersions: {}",
            refused.failure.what
        );
        Err(Failure { what, ..refused.failure })
    }

    /// The objects are gone; older versions of them are too if the bucket never kept any.
    fn confirm_no_versions(&self, unseen: &Refused, erased: &mut Erased) -> Result<()> {
        let told = [erased.versions_kept, self.erasure.versions_kept];
        let kept = if told.contains(&Some(true)) { Some(true) } else { told[0].or(told[1]) };
        let kept = match kept {
            None if !unseen.is_implemented => Some(false),
            None => self.versioning()?,
            told => told,
        };
        erased.versions_kept = kept;
        let what = match kept {
            Some(false) => return Ok(()),
            Some(true) => "the bucket keeps versions, and those of the deleted objects stay",
            None => "whether the bucket keeps older versions cannot be seen",
        };
        let what = format!(
            "{what}: allow s3:ListBucketVersions on the bucket and s3:DeleteObjectVersion on its \
             objects: {}",
            unseen.failure.what
        );
        Err(Failure { what, ..unseen.failure.clone() })
    }

    /// Whether the bucket keeps versions, as it says itself; `None` where it does not say.
    fn versioning(&self) -> Result<Option<bool>> {
        let asked = self.store.deliver(&Task {
            action: "s3:GetBucketVersioning",
            make: &list::versioning,
            answers: REFUSALS,
            explain: None,
            accept: &|_| Ok(()),
        });
        match asked {
            Ok(reply) if reply.ok() => Ok(list::read_versioning(&reply).ok()),
            Ok(_) => Ok(None),
            Err(failure) if out_of_reach(&failure) => Err(failure),
            Err(_) => Ok(None),
        }
    }

    /// Whether it is gone. A store that is out of reach, or refuses everything, ends it all.
    fn delete(&self, item: &ListedObject, erased: &mut Erased) -> Result<bool> {
        let failure = match delete(self.store, item) {
            Ok(marked) => {
                erased.objects += 1;
                erased.versions += u64::from(item.is_a_version());
                if item.version.is_none() {
                    let before = erased.versions_kept.unwrap_or(false);
                    erased.versions_kept = Some(before || marked);
                }
                (self.erasure.progress)(erased.objects);
                return Ok(true);
            }
            Err(failure) if out_of_reach(&failure) => return Err(failure),
            Err(failure) => failure,
        };
        let stays = match lock_of(self.store, item) {
            Some(lock) if lock.holds(self.store.now()) => Stays::Locked(lock),
            _ => Stays::Refused(failure),
        };
        erased.left.push((item.clone(), stays));
        let refused = |(_, stays): &(_, Stays)| matches!(stays, Stays::Refused(_));
        let all = erased.objects == 0 && erased.left.iter().all(refused);
        if all && erased.left.len() >= ERASE_REFUSALS_MAX {
            let what = "the store refuses to delete; the rest was not tried";
            return Err(Failure::new(ErrorClass::Config, what));
        }
        Ok(false)
    }
}

/// The answers that refuse a question without an accident in between.
const REFUSALS: &[u16] = &[400, 401, 403, 404, 405, 501];

fn page(
    store: &Store,
    prefix: &ObjectKey,
    versions: bool,
    next: Option<&Continuation>,
) -> std::result::Result<Listing, Refused> {
    let action = if versions { "s3:ListBucketVersions" } else { "s3:ListBucket" };
    let reply = store.deliver(&Task {
        action,
        make: &|signing| list::list(signing, prefix, versions, next),
        answers: REFUSALS,
        explain: None,
        accept: &|reply| list::read(reply, versions).map(drop),
    })?;
    if reply.ok() {
        return Ok(list::read(&reply, versions)?);
    }
    let error = read_error(&reply);
    let failure = store.failure(&error, action);
    let is_implemented = error.code.as_deref() != Some("NotImplemented");
    Err(Refused { kind: Some(error.kind), is_implemented, failure })
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

fn too_many() -> Failure {
    Failure::new(ErrorClass::Format, format!("more than {LIST_PAGES_MAX} pages of objects"))
}

/// Deletes one; whether the store says that it put a delete marker before older versions.
fn delete(store: &Store, item: &ListedObject) -> Result<bool> {
    let key = ObjectKey::listed(&item.key)?;
    let version = item.version.as_deref();
    let action = if item.is_a_version() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
    let make = |signing: &Signing<'_>| list::delete(signing, &key, version);
    let accept = |reply: &Reply| {
        let what = "a web page came in the place of S3's answer to a deletion";
        if reply.is_page() { Err(Failure::new(ErrorClass::Network, what)) } else { Ok(()) }
    };
    let reply = store.deliver(&Task {
        action,
        make: &make,
        answers: &[404],
        explain: None,
        accept: &accept,
    })?;
    let error = read_error(&reply);
    let is_gone = matches!(error.code.as_deref(), Some("NoSuchKey" | "NoSuchVersion"));
    if !reply.ok() && !is_gone {
        return Err(store.failure(&error, action));
    }
    Ok(version.is_none() && reply.header("x-amz-delete-marker") == Some("true"))
}

/// What keeps an object, where the store tells it.
fn lock_of(store: &Store, item: &ListedObject) -> Option<ObjectLock> {
    let key = ObjectKey::listed(&item.key).ok()?;
    let reply = store.deliver(&Task {
        action: "s3:GetObjectRetention and s3:GetObjectLegalHold",
        make: &|signing| list::head(signing, &key, item.version.as_deref()),
        answers: REFUSALS,
        explain: None,
        accept: &|_| Ok(()),
    });
    reply.ok().filter(Reply::ok).map(|reply| ObjectLock::read(&reply))
}
