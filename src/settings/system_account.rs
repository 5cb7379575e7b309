//! An account of this machine, as `/etc/passwd` and `/etc/group` have it.

/// Who a process can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemAccount {
    pub user: u32,
    pub group: u32,
    /// All its groups, the first one included, sorted.
    pub groups: Vec<u32>,
    /// Where the AWS tools keep their files.
    pub home: Option<String>,
}

/// The two files as text.
#[derive(Debug, Default)]
pub struct SystemAccounts {
    pub passwd: String,
    pub group: String,
}

impl SystemAccounts {
    /// The account of a name, or of a number as text; a number needs no line of its own.
    pub fn named(&self, name: &str) -> Option<SystemAccount> {
        let line = self.lines().find(|fields| fields.first() == Some(&name));
        line.and_then(|fields| self.account(&fields))
            .or_else(|| name.parse().ok().filter(is_id).map(|user| self.of_user(user)))
    }

    /// The account of a number. Where it has no line (a container), its group is the one of the
    /// same number, and it has no home.
    pub fn of_user(&self, user: u32) -> SystemAccount {
        let number = |fields: &Vec<&str>| fields.get(2).is_some_and(|id| id.parse() == Ok(user));
        let line = self.lines().find(number).and_then(|fields| self.account(&fields));
        line.unwrap_or_else(|| SystemAccount { user, group: user, groups: vec![user], home: None })
    }

    fn lines(&self) -> impl Iterator<Item = Vec<&str>> {
        self.passwd.lines().map(|line| line.split(':').collect())
    }

    fn account(&self, fields: &[&str]) -> Option<SystemAccount> {
        let id = |place: usize| fields.get(place)?.parse().ok().filter(is_id);
        let (user, group) = (id(2)?, id(3)?);
        let name = *fields.first()?;
        let mut groups: Vec<u32> = self.group.lines().filter_map(|l| member(l, name)).collect();
        groups.push(group);
        groups.sort_unstable();
        groups.dedup();
        let home = fields.get(5).map(|home| (*home).to_owned()).filter(|home| !home.is_empty());
        Some(SystemAccount { user, group, groups, home })
    }
}

/// To the kernel the highest number means "leave it as it is".
fn is_id(id: &u32) -> bool {
    *id != u32::MAX
}

/// The number of the group in a line of `/etc/group`, if the account is among its members.
fn member(line: &str, name: &str) -> Option<u32> {
    let mut fields = line.split(':').skip(2);
    let group = fields.next()?.parse().ok().filter(is_id)?;
    fields.next()?.split(',').any(|member| member == name).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> SystemAccounts {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\n\
                      fitsync:x:998:997::/var/lib/fitsync:/usr/sbin/nologin\n1000:x:7:8:::\n";
        let group = "root:x:0:\ntss:x:112:alice,fitsync\nplugdev:x:46:fitsync\nx:x:50:fitsync2\n";
        SystemAccounts { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    #[test]
    fn an_account_has_its_groups_and_its_home() {
        let fitsync = SystemAccount {
            user: 998,
            group: 997,
            groups: vec![46, 112, 997],
            home: Some("/var/lib/fitsync".to_owned()),
        };
        assert_eq!(accounts().named("fitsync"), Some(fitsync.clone()));
        assert_eq!(accounts().named("998"), Some(fitsync.clone()));
        assert_eq!(accounts().of_user(998), fitsync);
    }

    #[test]
    fn a_name_goes_before_a_number_and_a_number_needs_no_line() {
        assert_eq!(accounts().named("1000").unwrap().user, 7);
        let stranger = SystemAccount { user: 5, group: 5, groups: vec![5], home: None };
        assert_eq!(accounts().named("5"), Some(stranger));
        assert_eq!(accounts().named("nobody-here"), None);
        for no_id in ["-1", "4294967295"] {
            assert_eq!(accounts().named(no_id), None);
        }
    }
}
