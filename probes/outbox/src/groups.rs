//! Rows put together by a value of theirs, the most frequent ones told apart.

use probity_sdk::{Failure, Result, sql};

use crate::Rows;

/// What all values that are not told apart are called.
const OTHER: &str = "other";

/// Rows by a value of theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Values and how many rows have them; no value twice, the rest as `other`.
    pub counts: Vec<(String, f64)>,
    /// All rows.
    pub total: f64,
    /// The numbers beside the counts, for all rows together, as the query has them behind the total.
    pub whole: Vec<Option<f64>>,
}

impl Groups {
    /// A query for rows by `label`: the rows of each group, of all groups, and the `outer` expressions, which are made of the `inner` ones of each
    /// group, named `a0`, `a1`, …; those for all groups together end with `OVER ()`. `limit` is the place of how many groups are wanted.
    pub fn query(
        label: &str,
        inner: &[String],
        outer: &[String],
        from: &str,
        limit: &str,
    ) -> String {
        let inner: String = inner
            .iter()
            .enumerate()
            .map(|(place, expression)| format!(", {expression} AS a{place}"))
            .collect();
        let outer: String = outer
            .iter()
            .map(|expression| format!(", {expression}"))
            .collect();
        format!(
            "SELECT k, n, sum(n) OVER (){outer} FROM (SELECT {label} AS k, count(*) AS n{inner} FROM {from} GROUP BY 1) ORDER BY n DESC, k LIMIT {limit}"
        )
    }

    /// Reads the answer to such a query.
    ///
    /// # Errors
    /// When it is another one's.
    pub fn read(rows: &Rows) -> Result<Self> {
        let mut groups = Self::default();
        let mut shown = 0.0;
        for row in rows {
            let [value, count, total, whole @ ..] = row.as_slice() else {
                return Err(Failure::other(
                    "a row has not the columns that were asked for",
                ));
            };
            let count = sql::number(count).unwrap_or(0.0);
            groups.add(&sql::text(value).unwrap_or_default(), count);
            groups.total = sql::number(total).unwrap_or(0.0);
            groups.whole = whole.iter().map(sql::number).collect();
            shown += count;
        }
        if groups.total > shown {
            groups.add(OTHER, groups.total - shown);
        }
        Ok(groups)
    }

    /// One of the numbers for all rows together.
    pub fn whole(&self, place: usize) -> Option<f64> {
        self.whole.get(place).copied().flatten()
    }

    fn add(&mut self, value: &str, count: f64) {
        match self.counts.iter_mut().find(|(known, _)| known == value) {
            Some((_, sum)) => *sum += count,
            None => self.counts.push((value.to_owned(), count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_sdk::sql::Value;

    use super::*;

    #[test]
    fn what_is_not_told_apart_is_summed_up() {
        let row = |value: Value, count| {
            vec![
                value,
                Value::Integer(count),
                Value::Integer(100),
                Value::Real(1.5),
                Value::Null,
            ]
        };
        let rows = vec![
            row(Value::Text("a".into()), 50),
            row(Value::Text("other".into()), 20),
            row(Value::Null, 10),
        ];
        let groups = Groups::read(&rows).expect("it is an answer");
        let count = |value: &str, count| (value.to_owned(), count);
        assert_eq!(
            groups.counts,
            [count("a", 50.0), count("other", 40.0), count("", 10.0)]
        );
        assert_eq!(
            (
                groups.total,
                groups.whole(0),
                groups.whole(1),
                groups.whole(2)
            ),
            (100.0, Some(1.5), None, None)
        );
        assert_eq!(
            Groups::read(&Vec::new()).expect("it is empty"),
            Groups::default()
        );
        assert!(Groups::read(&vec![vec![Value::Null]]).is_err());
    }

    #[test]
    fn the_query_has_one_row_for_each_group() {
        let query = Groups::query(
            "''",
            &["min(x)".into()],
            &["min(a0) OVER ()".into()],
            "\"t\" AS t",
            "?1",
        );
        let wanted = "SELECT k, n, sum(n) OVER (), min(a0) OVER () FROM (SELECT '' AS k, count(*) AS n, min(x) AS a0 FROM \"t\" AS t GROUP BY 1) \
            ORDER BY n DESC, k LIMIT ?1";
        assert_eq!(query, wanted);
    }
}
