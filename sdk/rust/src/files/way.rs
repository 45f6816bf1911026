//! Which granted path leads to one.

/// The place among the `granted` folders of the one that leads closest to `path`, and the way from there; `.` for the
/// folder itself. Nothing when none does.
pub fn within<'a, 'p>(
    granted: impl Iterator<Item = &'a str>,
    path: &'p str,
) -> Option<(usize, &'p str)> {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let below = |folder: &str| {
        let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(rest),
            None => rest.is_empty().then_some(""),
        }
    };
    let ways = granted
        .enumerate()
        .filter_map(|(place, folder)| Some((place, below(folder)?)));
    let (place, way) = ways.min_by_key(|(_, way)| way.len())?;
    Some((place, if way.is_empty() { "." } else { way }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_folder_leads_to_the_path() {
        let granted = ["/var", "/var/log/", "/proc/net"];
        for (path, way) in [
            ("/var/log/a.log", Some((1, "a.log"))),
            ("/var/log", Some((1, "."))),
            ("/var/log/", Some((1, "."))),
            ("/var/logs/x", Some((0, "logs/x"))),
            ("/proc/net/tcp", Some((2, "tcp"))),
            ("/proc", None),
            ("/variable", None),
            ("", None),
        ] {
            assert_eq!(within(granted.into_iter(), path), way, "{path}");
        }
        assert_eq!(within(["/"].into_iter(), "/a/b"), Some((0, "a/b")));
        assert_eq!(within(["/"].into_iter(), "/"), Some((0, ".")));
        assert_eq!(within([].into_iter(), "/a"), None);
    }
}
