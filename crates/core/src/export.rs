//! A managed export of a database to a bucket, as its server reports it.

/// The progress of an export.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Export {
    pub state: ExportState,
    /// Documents exported so far, and the estimate of all, if the server tells them.
    pub documents: Option<(u64, Option<u64>)>,
    /// The folder that it writes to, as the server says.
    pub to: Option<String>,
}

/// The state of an export.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportState {
    Running,
    Done,
    /// It ended without a complete export, with the server's reason.
    Failed(String),
}

impl Export {
    /// The progress in words: `120 of about 4000 documents`.
    pub fn progress(&self) -> String {
        match self.documents {
            None => "no document is reported yet".to_owned(),
            Some((done, Some(all))) if all > 0 => format!("{done} of about {all} documents"),
            Some((done, _)) => format!("{done} documents"),
        }
    }
}
