//! Lists of devices that come and go between two readings of the same file.

/// Where a name that the kernel shows at a place stood in our list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is known, and stands at the place now.
    Known,
    /// It is new.
    New,
    /// It was shown before in the same reading.
    Again,
}

/// Brings the entry that `is_it` to `place`; entries before `place` were shown already in this reading. When
/// nothing changed, which is nearly always, this is one comparison.
pub(super) fn settle<E>(list: &mut [E], place: usize, is_it: impl Fn(&E) -> bool) -> Found {
    match list.iter().skip(place).position(&is_it) {
        Some(offset) => {
            list.swap(place, place + offset);
            Found::Known
        }
        None if list.iter().take(place).any(is_it) => Found::Again,
        None => Found::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_and_doubled_ones_told() {
        let mut list = ["lo", "eth0", "eth1"];
        assert_eq!(settle(&mut list, 0, |name| *name == "lo"), Found::Known);
        assert_eq!(settle(&mut list, 1, |name| *name == "eth1"), Found::Known);
        assert_eq!(list, ["lo", "eth1", "eth0"]);
        assert_eq!(settle(&mut list, 2, |name| *name == "eth1"), Found::Again);
        assert_eq!(settle(&mut list, 2, |name| *name == "veth"), Found::New);
        assert_eq!(settle(&mut list, 9, |name| *name == "veth"), Found::New);
    }
}
