//! `probity:health`: a guest's checks.

use wasmtime::component::Resource;

use super::Guest;
use crate::model::{CheckReport, Details, Failure, Status, printable};
use crate::probe::v0_1_0::probity::health::health::{self, Host, HostCheck};

/// The code of a check over the limit.
const TOO_MANY: &str = "health.too-many";
const MAX_ID_BYTES: usize = 64;
const MAX_TITLE_BYTES: usize = 128;
const MAX_MESSAGE_BYTES: usize = 1024;
/// Details of all checks of one run together: every snapshot keeps them, and every reader of health takes them.
const MAX_ALL_DETAILS_BYTES: usize = 64 * 1024;

/// A check as a resource; its number is its place among the probe's checks.
pub struct Check;

/// The checks that an instance defined and what they said in this run.
#[derive(Default)]
pub(super) struct Checks {
    defined: Vec<(String, String)>,
    reports: Vec<CheckReport>,
}

impl Checks {
    fn define(&mut self, id: &str, title: &str, limit: u32) -> Result<u32, Failure> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=MAX_ID_BYTES).contains(&id.len()) || !id.bytes().all(plain) {
            let message = format!(
                "check id `{id}` must be 1 to {MAX_ID_BYTES} letters, digits, `-`, `_` and `.`"
            );
            return Err(Failure::new("health.id", message));
        }
        if let Some(known) = self.defined.iter().position(|(defined, _)| defined == id) {
            return Ok(known as u32);
        }
        if self.defined.len() >= limit as usize {
            return Err(Failure::new(
                TOO_MANY,
                format!("check `{id}` is one too many: at most {limit} (limits.checks)"),
            ));
        }
        self.defined
            .push((id.to_owned(), printable(title, MAX_TITLE_BYTES)));
        Ok(self.defined.len() as u32 - 1)
    }

    /// The last report of a run counts.
    fn report(
        &mut self,
        index: u32,
        status: health::Status,
        message: &str,
        details: Option<Details>,
    ) {
        let Some((id, title)) = self.defined.get(index as usize) else {
            return;
        };
        let report = CheckReport {
            id: id.clone(),
            title: title.clone(),
            status: match status {
                health::Status::Pass => Status::Pass,
                health::Status::Warn => Status::Warn,
                health::Status::Fail => Status::Fail,
            },
            message: printable(message, MAX_MESSAGE_BYTES),
            details,
        };
        match self.reports.iter_mut().find(|known| known.id == report.id) {
            Some(known) => *known = report,
            None => self.reports.push(report),
        }
    }

    /// Whether a check may have these details beside those of the others.
    fn admit(&self, index: u32, details: Details) -> Result<Details, Failure> {
        let Some((id, _)) = self.defined.get(index as usize) else {
            return Ok(details);
        };
        let others = self.reports.iter().filter(|report| report.id != *id);
        let others = others.filter_map(|report| report.details.as_ref());
        let bytes = details.text().len() + others.map(|one| one.text().len()).sum::<usize>();
        if bytes > MAX_ALL_DETAILS_BYTES {
            let message = format!(
                "with those of check `{id}` all details have {bytes} bytes: at most {MAX_ALL_DETAILS_BYTES}"
            );
            return Err(Failure::new("health.details", message));
        }
        Ok(details)
    }

    pub(super) fn take(&mut self) -> Vec<CheckReport> {
        std::mem::take(&mut self.reports)
    }

    pub(super) fn discard(&mut self) {
        self.reports.clear();
    }
}

impl Host for Guest {}

impl HostCheck for Guest {
    fn define(
        &mut self,
        id: String,
        title: String,
    ) -> wasmtime::Result<Result<Resource<Check>, Resource<Failure>>> {
        let limit = self.settings.limits.checks;
        let result = self.checks.define(&id, &title, limit);
        let result = result.map_err(|failure| match failure.code.as_str() {
            TOO_MANY => self.violate("checks", failure),
            _ => failure,
        });
        if result.is_ok() {
            self.hand_out();
        }
        self.answer(result.map(Resource::new_own))
    }

    fn report(
        &mut self,
        this: Resource<Check>,
        status: health::Status,
        message: String,
    ) -> wasmtime::Result<()> {
        self.checks.report(this.rep(), status, &message, None);
        Ok(())
    }

    fn report_details(
        &mut self,
        this: Resource<Check>,
        status: health::Status,
        message: String,
        details_json: String,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        let details = Details::read(&details_json);
        let details = details.and_then(|details| self.checks.admit(this.rep(), details));
        let result = details.map(|details| {
            self.checks
                .report(this.rep(), status, &message, Some(details));
        });
        self.answer(result)
    }

    fn drop(&mut self, _this: Resource<Check>) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many bytes of details are taken from one check.
    const MOST: usize = 16 * 1024;

    /// An object of exactly so many bytes.
    fn details(bytes: usize) -> String {
        format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))
    }

    #[test]
    fn details_of_all_checks_together_are_bounded() {
        let mut checks = Checks::default();
        let mut report = |index: u32, bytes| {
            let details = Details::read(&details(bytes)).expect("it is an object");
            checks
                .define(&format!("c{index}"), "Check", 10)
                .expect("there is room");
            let admitted = checks.admit(index, details);
            let taken = admitted.is_ok();
            if let Ok(details) = admitted {
                checks.report(index, health::Status::Pass, "well", Some(details));
            }
            (taken, checks.reports.len())
        };
        for index in 0..4 {
            let taken = report(index, MOST);
            assert_eq!(taken, (true, index as usize + 1));
        }
        assert_eq!(report(4, 8), (false, 4), "nothing is reported");
        assert_eq!(report(0, MOST - 8), (true, 4), "in place of its own");
        assert_eq!(report(4, 8), (true, 5));
    }
}
