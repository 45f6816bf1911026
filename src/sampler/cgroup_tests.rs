//! The control group's formats.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn limits_quotas_and_keys_are_read() {
    assert_eq!(parse_limit(b"max\n"), Ok(None));
    assert_eq!(parse_limit(b"67108864\n"), Ok(Some(67_108_864)));
    assert_eq!(parse_quota(b"150000 100000\n"), Ok(Some(1.5)));
    assert_eq!(parse_quota(b"max 100000\n"), Ok(None));
    let text = b"usage_usec 12\nuser_usec 8\nthrottled_usec 3\n";
    let wanted: [&[u8]; 2] = [b"throttled_usec", b"nr_bursts"];
    assert_eq!(parse_keys(text, wanted), Ok([Some(3), None]));
    assert_eq!(group_path(b"1:cpu:/x\n0::/a/b\n").unwrap(), "/a/b");
    assert_eq!(group_path(b"1:cpu:/x\n"), None, "version 1 alone");
}

#[test]
fn the_smaller_limit_binds() {
    assert_eq!(smallest(Some(2), Some(1)), Some(1));
    assert_eq!(smallest(None, Some(3)), Some(3));
    assert_eq!(smallest::<u64>(None, None), None);
}

#[test]
fn what_is_no_limit_is_refused() {
    let limit = Malformed::new(1, "a whole number or `max` is expected");
    assert_eq!(parse_limit(b"lots"), Err(limit));
    assert_eq!(parse_quota(b"x 1"), Err(limit));
    assert_eq!(
        parse_quota(b"1 0"),
        Err(Malformed::new(1, "the period is zero"))
    );
    let fault = parse_keys(b"a 1\nb x\n", [b"b"]).unwrap_err();
    assert_eq!(fault.line, 2);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _refused = (parse_limit(&bytes), parse_quota(&bytes), group_path(&bytes));
        let _kept = parse_keys(&bytes, [b"oom_kill"]);
    }
}
