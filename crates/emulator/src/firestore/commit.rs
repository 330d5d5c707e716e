//! Writes: preconditions, field masks and values computed by the server.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::Refusal;
use super::path::Root;
use super::query::path_of_field;
use super::store::{Kept, Store};
use pointsman_core::document::{Fields, List, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) writes: Vec<Write>,
    #[serde(default)]
    pub(super) transaction: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchWrite {
    pub(super) writes: Vec<Write>,
    #[serde(default, rename = "labels")]
    _labels: Json,
}

/// One write, in the format of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Write {
    #[serde(default)]
    update: Option<Update>,
    #[serde(default)]
    delete: Option<String>,
    #[serde(default)]
    update_mask: Option<super::query::Mask>,
    #[serde(default)]
    update_transforms: Vec<Transform>,
    #[serde(default)]
    current_document: Option<Precondition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: String,
    #[serde(default)]
    fields: Fields,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Precondition {
    exists: Option<bool>,
    update_time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Transform {
    field_path: String,
    set_to_server_value: Option<String>,
    increment: Option<Value>,
    maximum: Option<Value>,
    minimum: Option<Value>,
    append_missing_elements: Option<List>,
    remove_all_from_array: Option<List>,
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of a write's transform")]
pub(super) fn exists(there: bool) -> Option<Precondition> {
    Some(Precondition { exists: Some(there), update_time: None })
}

impl Write {
    pub(super) fn update(
        name: String,
        fields: Fields,
        mask: Option<Vec<String>>,
        current_document: Option<Precondition>,
    ) -> Self {
        let update_mask = mask.map(|field_paths| super::query::Mask { field_paths });
        let update = Some(Update { name, fields });
        Self { update, delete: None, update_mask, update_transforms: Vec::new(), current_document }
    }

    pub(super) fn delete(name: String, current_document: Option<Precondition>) -> Self {
        let (update, update_mask, update_transforms) = (None, None, Vec::new());
        Self { update, delete: Some(name), update_mask, update_transforms, current_document }
    }

    pub(super) fn name(&self) -> &str {
        let update = self.update.as_ref().map(|u| u.name.as_str());
        update.or(self.delete.as_deref()).unwrap_or_default()
    }
}

/// Results of the applied writes, and the commit time.
pub(super) struct Written {
    pub(super) results: Vec<Json>,
    pub(super) at: String,
}

/// Applies all writes. If one is refused, the caller rolls back all of them.
pub(super) fn apply(
    store: &mut Store,
    root: &Root,
    writes: Vec<Write>,
) -> Result<Written, Refusal> {
    let at = store.next_time();
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        results.push(one(store, root, write, &at)?);
    }
    Ok(Written { results, at })
}

fn one(store: &Store, root: &Root, write: Write, at: &str) -> Result<Json, Refusal> {
    let key = root.key_of(write.name())?;
    let before = store.get(&key)?;
    expect(write.current_document.as_ref(), before.as_ref(), write.name())?;
    let Some(update) = write.update else {
        store.remove(&key)?;
        return Ok(json!({}));
    };
    let path = root.path_of(&update.name)?.to_owned();
    let mut fields = match (&write.update_mask, &before) {
        (None, _) => update.fields,
        (Some(mask), before) => {
            let mut fields = before.as_ref().map(|d| d.fields.clone()).unwrap_or_default();
            mask.merge(&mut fields, &update.fields)?;
            fields
        }
    };
    let mut computed = Vec::new();
    for transform in &write.update_transforms {
        computed.push(transform.apply(&mut fields, at)?);
    }
    fields.values_mut().try_for_each(normal)?;
    let created = before.as_ref().map_or(at, |d| d.created.as_str()).to_owned();
    // A write that changes no field keeps the previous `updateTime`, as in production.
    let same = before.as_ref().filter(|d| d.fields == fields);
    let updated = same.map_or(at, |d| d.updated.as_str()).to_owned();
    let mut result = json!({ "updateTime": updated });
    if !computed.is_empty() {
        result["transformResults"] = json!(computed);
    }
    store.put(root, &Kept { path, fields, created, updated })?;
    Ok(result)
}

fn expect(wanted: Option<&Precondition>, before: Option<&Kept>, name: &str) -> Result<(), Refusal> {
    let Some(wanted) = wanted else { return Ok(()) };
    match (wanted.exists, before) {
        (Some(true), None) => return Err(Refusal::nothing_to_update(name)),
        (Some(false), Some(_)) => return Err(Refusal::exists(name)),
        _ => {}
    }
    if let Some(time) = &wanted.update_time {
        let stored = before.map_or("0", |d| d.updated.as_str());
        let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
        if moment(time).is_none() {
            return Err(Refusal::payload());
        }
        if moment(stored) != moment(time) {
            return Err(Refusal::changed(stored, time));
        }
    }
    Ok(())
}

impl Transform {
    fn apply(&self, fields: &mut Fields, at: &str) -> Result<Value, Refusal> {
        let path = path_of_field(&self.field_path)?;
        let here = path.get(fields).cloned();
        let (after, told) = if let Some(word) = &self.set_to_server_value {
            if word != "REQUEST_TIME" {
                return Err(Refusal::payload());
            }
            let now = Value::Timestamp(at.to_owned());
            (now.clone(), now)
        } else if let Some(by) = &self.increment {
            let sum = add(here.as_ref(), by)?;
            (sum.clone(), sum)
        } else if let Some(most) = self.maximum.as_ref().or(self.minimum.as_ref()) {
            let higher = self.maximum.is_some();
            let kept = extreme(here.as_ref(), most, higher)?;
            (kept.clone(), kept)
        } else if let Some(more) = &self.append_missing_elements {
            let mut list = elements(here);
            for value in &more.values {
                if !list.contains(value) {
                    list.push(value.clone());
                }
            }
            (Value::List(List { values: list }), Value::Null(()))
        } else if let Some(less) = &self.remove_all_from_array {
            let mut list = elements(here);
            list.retain(|value| !less.values.contains(value));
            (Value::List(List { values: list }), Value::Null(()))
        } else {
            return Err(Refusal::payload());
        };
        path.put(fields, after);
        Ok(told)
    }
}

fn elements(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::List(list)) => list.values,
        _ => Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as Firestore adds an integer to a double")]
fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

/// Adds to a number. A field that is not a number counts as 0.
fn add(here: Option<&Value>, by: &Value) -> Result<Value, Refusal> {
    match (here, by) {
        (Some(Value::Integer(a)), Value::Integer(b)) => Ok(Value::Integer(a.saturating_add(*b))),
        (here, by) => {
            let more = double(by).ok_or_else(Refusal::payload)?;
            match here.and_then(double) {
                Some(number) => Ok(Value::Double(number + more)),
                None => Ok(by.clone()),
            }
        }
    }
}

fn extreme(here: Option<&Value>, other: &Value, higher: bool) -> Result<Value, Refusal> {
    let wanted = double(other).ok_or_else(Refusal::payload)?;
    let keeps = |now: f64| if higher { now >= wanted } else { now <= wanted };
    let kept = here.filter(|value| double(value).is_some_and(keeps));
    Ok(kept.unwrap_or(other).clone())
}

/// Maximum length of a text value, in bytes.
const MOST_OF_A_VALUE: usize = 1_048_487;

/// Truncates timestamps to the microsecond, and rejects values that Firestore does not store.
fn normal(value: &mut Value) -> Result<(), Refusal> {
    match value {
        Value::Timestamp(text) => {
            let moment: jiff::Timestamp = text.parse().map_err(|_| Refusal::payload())?;
            let cut = moment.as_microsecond();
            let cut = jiff::Timestamp::from_microsecond(cut).map_err(|_| Refusal::payload())?;
            *text = cut.to_string();
            Ok(())
        }
        Value::Text(text) if text.len() > MOST_OF_A_VALUE => Err(Refusal::invalid(format!(
            "The value of property is longer than {MOST_OF_A_VALUE} bytes."
        ))),
        Value::List(list) => {
            if list.values.iter().any(|v| matches!(v, Value::List(_))) {
                return Err(Refusal::invalid("Cannot convert an array value in an array value."));
            }
            list.values.iter_mut().try_for_each(normal)
        }
        Value::Map(map) => map.fields.values_mut().try_for_each(normal),
        _ => Ok(()),
    }
}
