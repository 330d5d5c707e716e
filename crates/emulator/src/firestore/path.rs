//! Document names and keys, and the parser of request paths.

use axum::http::Uri;
use url::form_urlencoded;

use super::commit::Precondition;
use super::error::Refusal;

/// A database: `projects/P/databases/D`.
#[derive(Debug, Clone)]
pub(super) struct Root(String);

/// The parts of a request's path.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) root: Root,
    /// The path after `documents`: `users/u1`, or empty.
    pub(super) path: String,
    /// The verb after the last colon, such as `runQuery`.
    pub(super) verb: Option<String>,
    pub(super) query: Vec<(String, String)>,
}

/// Separates the parts of a document's key. It sorts below every other byte, so that keys sort like names, part by
/// part.
const BETWEEN: u8 = 0;

/// The store's key for a path: the database, then the parts of the path.
pub(super) fn key(root: &Root, path: &str) -> Vec<u8> {
    let mut key = root.0.clone().into_bytes();
    key.extend([BETWEEN, BETWEEN]);
    for part in path.split('/').filter(|p| !p.is_empty()) {
        key.extend(part.as_bytes());
        key.push(BETWEEN);
    }
    key
}

impl Root {
    pub(super) fn prefix(&self) -> String {
        format!("{}/documents", self.0)
    }

    /// The store's key for a document's full name.
    pub(super) fn key_of(&self, name: &str) -> Result<Vec<u8>, Refusal> {
        Ok(key(self, self.path_of(name)?))
    }

    /// The path in a document's full name, checked against the naming rules (`docs/internals/firestore.md`,
    /// Limits).
    pub(super) fn path_of<'a>(&self, name: &'a str) -> Result<&'a str, Refusal> {
        let path = name.strip_prefix(&self.prefix()).and_then(|rest| rest.strip_prefix('/'));
        let path = path.ok_or_else(|| {
            Refusal::invalid(format!("Document name {name:?} is not of this database."))
        })?;
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() % 2 == 1 {
            let at = name.len();
            return Err(Refusal::invalid(format!(
                "Document name {name:?} lacks \"/\" at index {at}."
            )));
        }
        for part in parts {
            let reserved = part.len() > 3 && part.starts_with("__") && part.ends_with("__");
            if reserved {
                return Err(Refusal::invalid(format!(
                    "Resource id {part:?} is invalid because it is reserved."
                )));
            }
            if part.is_empty() || part == "." || part == ".." || part.len() > 1500 {
                return Err(Refusal::invalid(format!("Resource id {part:?} is invalid.")));
            }
        }
        Ok(path)
    }
}

impl Call {
    pub(super) fn read(uri: &Uri) -> Result<Self, Refusal> {
        let address = url::Url::parse(&format!("http://x{}", uri.path()));
        let address = address.map_err(|_| Refusal::no_such_url())?;
        let decode = |part: &str| {
            let bytes = percent_decode(part);
            String::from_utf8(bytes).map_err(|_| Refusal::no_such_url())
        };
        let mut parts = address.path_segments().ok_or_else(Refusal::no_such_url)?;
        let parts: Vec<String> = parts.by_ref().map(decode).collect::<Result<_, _>>()?;
        let [_, projects, project, databases, database, documents, rest @ ..] = parts.as_slice()
        else {
            return Err(Refusal::no_such_url());
        };
        let (documents, first_verb) = split_verb(documents, rest.is_empty());
        if (projects.as_str(), databases.as_str(), documents)
            != ("projects", "databases", "documents")
        {
            return Err(Refusal::no_such_url());
        }
        let root = Root(format!("projects/{project}/databases/{database}"));
        let (mut path, mut verb) = (rest.join("/"), first_verb.map(str::to_owned));
        if let Some((before, after)) = path.rsplit_once(':').filter(|(_, v)| is_verb(v)) {
            (verb, path) = (Some(after.to_owned()), before.to_owned());
        }
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Ok(Self { root, path, verb, query: query.into_owned().collect() })
    }

    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.root.prefix(), self.path)
    }

    pub(super) fn key(&self) -> Vec<u8> {
        key(&self.root, &self.path)
    }

    pub(super) fn is_collection(&self) -> bool {
        self.path.split('/').count() % 2 == 1
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.one(name).is_some()
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, v)| v.clone()).collect()
    }

    /// The precondition of the request.
    pub(super) fn expected(&self) -> Result<Option<Precondition>, Refusal> {
        if self.has("currentDocument.updateTime") {
            // Google's emulator reads it as 0; do not depend on it.
            return Err(Refusal::changed("?", "0"));
        }
        Ok(match self.one("currentDocument.exists") {
            None => None,
            Some("true") => super::commit::exists(true),
            Some("false") => super::commit::exists(false),
            Some(_) => return Err(Refusal::payload()),
        })
    }
}

fn split_verb(segment: &str, last: bool) -> (&str, Option<&str>) {
    match segment.split_once(':').filter(|_| last) {
        Some((name, verb)) => (name, Some(verb)),
        None => (segment, None),
    }
}

/// Whether a word is a known verb. A document id can contain a colon too, so other words are not verbs.
fn is_verb(word: &str) -> bool {
    ["runQuery", "runAggregationQuery", "listCollectionIds"].contains(&word)
}

fn percent_decode(text: &str) -> Vec<u8> {
    // `+` is an ordinary character in a path.
    let query = format!("x={}", text.replace('+', "%2B"));
    let mut decoded = form_urlencoded::parse(query.as_bytes());
    decoded.next().map(|(_, value)| value.into_owned().into_bytes()).unwrap_or_default()
}
