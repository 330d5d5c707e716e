//! List methods: ordering and pagination.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::{Answer, Api};
use crate::registry::Kind;
use pointsman_core::time::Timestamp;

const LIST: [&str; 5] = ["filter", "orderBy", "pageSize", "pageToken", "showDeleted"];
const MOST_PER_PAGE: usize = 1000;
const PER_PAGE: usize = 100;

impl Api {
    pub(super) fn list_backends(&self, call: &Call) -> Answer {
        self.list(call, Kind::Backend, "backends")
    }

    pub(super) fn list_builds(&self, call: &Call) -> Answer {
        self.of_a_backend(call)?;
        self.list(call, Kind::Build, "builds")
    }

    pub(super) fn list_rollouts(&self, call: &Call) -> Answer {
        self.of_a_backend(call)?;
        self.list(call, Kind::Rollout, "rollouts")
    }

    pub(super) fn list_operations(&self, call: &Call) -> Answer {
        self.list(call, Kind::Operation, "operations")
    }

    fn of_a_backend(&self, call: &Call) -> Result<(), ApiError> {
        let backend = parent(&call.name);
        if backend.contains("/locations/-") {
            return Ok(());
        }
        self.read(backend).map(|_| ())
    }

    fn list(&self, call: &Call, kind: Kind, key: &str) -> Answer {
        let operations = ["filter", "pageSize", "pageToken", "returnPartialSuccess"];
        call.takes(if kind == Kind::Operation { &operations } else { &LIST })?;
        if call.query.get("filter").is_some_and(|f| !f.is_empty()) {
            return Err(ApiError::unimplemented("filter"));
        }
        let mut items = self.platform.registry().list(kind, parent(&call.name))?;
        order(&mut items, call.query.get("orderBy").map_or("", String::as_str))?;
        let size = match call.query.get("pageSize").map(|s| s.parse::<i64>()) {
            None | Some(Ok(0)) => PER_PAGE,
            Some(Ok(n)) if n > 0 => usize::try_from(n).unwrap_or(MOST_PER_PAGE).min(MOST_PER_PAGE),
            Some(_) => return Err(ApiError::invalid("page_size", "pageSize must be 0 or more")),
        };
        let from = match call.query.get("pageToken").map(String::as_str) {
            None | Some("") => 0,
            Some(token) => token
                .strip_prefix("from-")
                .and_then(|n| n.parse::<usize>().ok())
                .ok_or_else(|| ApiError::invalid("page_token", "pageToken is not one of ours"))?,
        };
        let mut answer = json!({});
        let page: Vec<Value> = items.iter().skip(from).take(size).cloned().collect();
        if from + page.len() < items.len() {
            answer["nextPageToken"] = json!(format!("from-{}", from + page.len()));
        }
        answer[key] = Value::Array(page);
        Ok(answer)
    }
}

/// The name of a collection's parent: everything before the last `/`.
pub(super) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn order(items: &mut [Value], by: &str) -> Result<(), ApiError> {
    let mut words = by.split_whitespace();
    let field = match words.next() {
        None => return Ok(()),
        Some("name") => "name",
        Some("createTime" | "create_time") => "createTime",
        Some(other) => {
            let message = format!("orderBy takes name or createTime, not {other:?}");
            return Err(ApiError::invalid("order_by", message));
        }
    };
    // Times are written without trailing zeros, so their texts sort differently: "05.3Z" comes before "05Z".
    let time = |item: &Value| item[field].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    items.sort_by(|a, b| match (time(a), time(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a[field].as_str().cmp(&b[field].as_str()),
    });
    match words.next() {
        None | Some("asc") => {}
        Some("desc") => items.reverse(),
        Some(other) => {
            return Err(ApiError::invalid("order_by", format!("{other:?} is no direction")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_ordered_by_time_and_not_by_its_text() {
        let at = |time: &str| json!({"createTime": time});
        let first = at("2026-11-22T17:00:05Z");
        let second = at("2026-11-22T17:00:05.3Z");
        let third = at("2026-11-22T17:00:05.34Z");
        let mut items = vec![second.clone(), third.clone(), first.clone()];
        order(&mut items, "createTime desc").unwrap();
        assert_eq!(items, [third, second, first]);
    }
}
