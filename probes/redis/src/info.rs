//! A server's report: lines of `field:value` under headings of `# Section` (the command INFO).

use targets::{number, short};

/// Databases that are told apart: a server has 16 unless somebody has asked for more.
const MAX_DATABASES: usize = 16;
/// Replicas that are told apart.
const MAX_REPLICAS: usize = 8;

/// A report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Info {
    /// In the order written.
    fields: Vec<(String, String)>,
}

/// What a server is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another one.
    Replica,
}

/// A replica, as its primary sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// Host and port.
    pub address: String,
    /// Whether it is in step, or still being sent everything.
    pub is_online: bool,
    /// Seconds since it was last heard of.
    pub lag: Option<f64>,
    /// How far it has come in the stream of changes, in bytes.
    pub offset: Option<f64>,
}

impl Info {
    /// Reads a report; lines that are none are passed over.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.filter_map(|line| line.split_once(':'));
        Self {
            fields: fields
                .map(|(field, value)| (field.to_owned(), value.trim().to_owned()))
                .collect(),
        }
    }

    /// A field's value.
    pub fn text(&self, field: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(name, value)| (name == field).then_some(value.as_str()))
    }

    /// A field's value as a number.
    pub fn number(&self, field: &str) -> Option<f64> {
        number(self.text(field)?)
    }

    /// Whether a field says `ok`; nothing when it is not there.
    pub fn is_ok(&self, field: &str) -> Option<bool> {
        self.text(field).map(|value| value == "ok")
    }

    /// What it is among others.
    pub fn role(&self) -> Option<Role> {
        match self.text("role")? {
            "master" => Some(Role::Primary),
            "slave" => Some(Role::Replica),
            _ => None,
        }
    }

    /// The name of the software and its version. Relatives of Redis name the version of Redis that they are compatible with too.
    pub fn software(&self) -> (&str, &str) {
        let named = [
            ("valkey", "valkey_version"),
            ("dragonfly", "dragonfly_version"),
            ("redis", "redis_version"),
        ];
        let mut found = named.iter();
        let found = found.find_map(|(name, field)| Some((*name, short(self.text(field)?))));
        found.unwrap_or(("unknown", ""))
    }

    /// The databases that hold keys: number, keys, and those of them that expire. None is told twice, whatever the report says.
    pub fn databases(&self) -> Vec<(&str, f64, f64)> {
        let mut databases: Vec<(&str, f64, f64)> = Vec::new();
        for (number, parts) in self.numbered("db") {
            // Each is held against those before: were there no end, a report could use up the run.
            if databases.len() == MAX_DATABASES {
                break;
            }
            let is_new = databases.iter().all(|(known, ..)| *known != number);
            let told = parts.number("keys").zip(parts.number("expires"));
            if let Some((keys, expiring)) = told.filter(|_| is_new) {
                databases.push((number, keys, expiring));
            }
        }
        databases
    }

    /// The replicas that follow it. Two behind one address translation are told as one.
    pub fn replicas(&self) -> Vec<Replica> {
        let mut replicas: Vec<Replica> = Vec::new();
        for (_, parts) in self.numbered("slave") {
            if replicas.len() == MAX_REPLICAS {
                break;
            }
            let place = parts.text("ip").zip(parts.text("port"));
            let address = place.map(|(host, port)| format!("{}:{}", short(host), short(port)));
            let is_new = |address: &String| replicas.iter().all(|known| known.address != *address);
            if let Some(address) = address.filter(is_new) {
                replicas.push(Replica {
                    address,
                    is_online: parts.text("state") == Some("online"),
                    lag: parts.number("lag").filter(|lag| *lag >= 0.0),
                    offset: parts.number("offset"),
                });
            }
        }
        replicas
    }

    /// The fields of a name with a number behind it.
    fn numbered(&self, name: &str) -> impl Iterator<Item = (&str, Parts<'_>)> {
        self.fields.iter().filter_map(move |(field, value)| {
            let number = field.strip_prefix(name)?;
            let is_number =
                (1..=5).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then_some((number, Parts(value)))
        })
    }
}

/// `key=value`, with commas between them.
struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        let mut parts = self.0.split(',').filter_map(|part| part.split_once('='));
        parts.find_map(|(name, value)| (name == key).then_some(value))
    }

    fn number(&self, key: &str) -> Option<f64> {
        number(self.text(key)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORT: &str = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n\r\n# Replication\r\nrole:master\r\n\
        slave0:ip=10.0.0.2,port=6379,state=online,offset=56,lag=1\r\nslave1:ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=-1,x\r\n\
        slave_read_only:1\r\nmaster_repl_offset:70\r\n# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=0\r\ndb1:keys=1\r\ndbx:keys=1,expires=1\r\n\
        mem_fragmentation_ratio:1.25\r\nrdb_last_bgsave_status:err\r\nodd\r\nnan_field:nan\r\n";

    #[test]
    fn fields_databases_and_replicas_are_found() {
        let info = Info::parse(REPORT);
        assert_eq!(info.software(), ("valkey", "8.0.1"));
        assert_eq!(info.role(), Some(Role::Primary));
        assert_eq!(info.number("mem_fragmentation_ratio"), Some(1.25));
        assert_eq!(
            (
                info.number("nan_field"),
                info.number("role"),
                info.number("gone")
            ),
            (None, None, None)
        );
        assert_eq!(
            (
                info.is_ok("rdb_last_bgsave_status"),
                info.is_ok("aof_last_write_status")
            ),
            (Some(false), None)
        );
        assert_eq!(info.databases(), [("0", 5.0, 2.0)]);
        let replicas = info.replicas();
        assert_eq!(replicas.len(), 2);
        assert_eq!(replicas[0].address, "10.0.0.2:6379");
        assert_eq!(
            (replicas[0].is_online, replicas[0].lag, replicas[0].offset),
            (true, Some(1.0), Some(56.0))
        );
        assert_eq!((replicas[1].is_online, replicas[1].lag), (false, None));
    }

    #[test]
    fn nothing_is_told_twice() {
        let info = Info::parse(
            "db0:keys=1,expires=0\ndb0:keys=2,expires=0\nslave0:ip=a,port=1\nslave1:ip=a,port=1\n",
        );
        assert_eq!(info.databases(), [("0", 1.0, 0.0)]);
        assert_eq!(info.replicas().len(), 1);
        let many: String = (0..50)
            .map(|number| format!("db{number}:keys=1,expires=0\n"))
            .collect();
        assert_eq!(Info::parse(&many).databases().len(), 16);
    }

    #[test]
    fn what_is_not_told_costs_nothing() {
        // A report as long as is read: each line held against all before took more than a run's processor time.
        let report: String = (0..99_999)
            .map(|number| {
                format!("db{number}:keys=1,expires=1\nslave{number}:ip={number},port=1\n")
            })
            .collect();
        let info = Info::parse(&report);
        assert_eq!(info.databases().last(), Some(&("15", 1.0, 1.0)));
        assert_eq!(
            info.replicas().last().map(|last| last.address.as_str()),
            Some("7:1")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(db|slave|role|[a-z]{0,5})[0-9x]{0,3}:[a-z0-9=,.:-]{0,30}(\r\n)?[\\PC]{0,20}") {
            let info = Info::parse(&text);
            info.databases();
            info.replicas();
            info.software();
        }

        #[test]
        fn what_is_written_is_read_back(fields in prop::collection::vec(("[a-z_]{1,12}", "[a-z0-9.,=:-]{0,12}"), 0..9)) {
            let text: String = fields.iter().map(|(field, value)| format!("{field}:{value}\r\n")).collect();
            prop_assert_eq!(Info::parse(&text), Info { fields });
        }
    }
}
