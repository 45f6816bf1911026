//! Why a question was not answered.

/// What kind of fault it is, for whoever chooses the answer's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// The text is no selector or expression.
    Malformed,
    /// It is one, but not one that is carried out here.
    Unsupported,
    /// The answer would be larger than one query's may be, or needs more than one query may read.
    TooMuch,
    /// It took longer than one query may.
    TooSlow,
    /// The series do not go together as it wants it.
    Failed,
}

/// A question that was not answered, and where in its text the fault is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", at(*.position))]
pub struct QueryError {
    /// What kind of fault it is.
    pub fault: QueryFault,
    /// What is wrong, in one line.
    pub message: String,
    /// The character at fault, counted from 1; nothing where no single one is.
    pub position: Option<usize>,
    /// The part of the text that it is about, until that has been looked up.
    pub(super) part: Option<Part>,
}

/// A part of a query's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A function, an aggregation or an operator.
    Name(String),
    /// What a string says.
    Text(String),
}

fn at(position: Option<usize>) -> String {
    position.map_or_else(String::new, |position| {
        format!(" (at character {position})")
    })
}

impl QueryError {
    /// The text is no selector or expression.
    pub fn malformed(message: impl Into<String>, position: Option<usize>) -> Self {
        Self {
            fault: QueryFault::Malformed,
            message: message.into(),
            position,
            part: None,
        }
    }

    /// The same about a name or an operator, whose place in the text is not known yet.
    pub(super) fn about(self, name: impl Into<String>) -> Self {
        let part = Some(Part::Name(name.into()));
        Self { part, ..self }
    }

    /// The same about what a string says.
    pub(super) fn about_text(self, text: impl Into<String>) -> Self {
        let part = Some(Part::Text(text.into()));
        Self { part, ..self }
    }

    /// `what` is part of the language, but not carried out here.
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self {
            fault: QueryFault::Unsupported,
            message: format!("{what} is not supported here"),
            position: None,
            part: None,
        }
    }

    /// The answer would be more than one query may have.
    pub fn too_much(message: impl Into<String>) -> Self {
        Self {
            fault: QueryFault::TooMuch,
            message: message.into(),
            position: None,
            part: None,
        }
    }

    /// It took longer than one query may.
    pub fn too_slow(message: impl Into<String>) -> Self {
        Self {
            fault: QueryFault::TooSlow,
            message: message.into(),
            position: None,
            part: None,
        }
    }

    /// The series do not go together as the query wants it.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            fault: QueryFault::Failed,
            message: message.into(),
            position: None,
            part: None,
        }
    }
}
