//! Queries: pagination by name, equality filters, counts and collection ids.

use rusqlite::params_from_iter;
use rusqlite::types::Value as Sql;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::Refusal;
use super::path::{Call, key};
use super::store::{Kept, Store};
use pointsman_core::document::{FieldPath, Fields, Value};
use pointsman_core::time::Timestamp;

/// A field mask: the paths of some fields of a document.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Mask {
    #[serde(default)]
    pub(super) field_paths: Vec<String>,
}

pub(super) fn path_of_field(text: &str) -> Result<FieldPath, Refusal> {
    text.parse().map_err(|_| {
        Refusal::invalid(format!(
            "Invalid property path \"{text}\". Unquoted property paths must match regex ([a-zA-Z_][a-zA-Z_0-9]*), and quoted property paths must match regex (`(?:[^`\\\\]|(?:\\\\.))+`)"
        ))
    })
}

impl Mask {
    /// The fields of a document that the mask names.
    pub(super) fn only(&self, fields: &Fields) -> Result<Fields, Refusal> {
        let mut only = Fields::new();
        for text in self.field_paths.iter().filter(|t| *t != "__name__") {
            let path = path_of_field(text)?;
            if let Some(value) = path.get(fields) {
                path.put(&mut only, value.clone());
            }
        }
        Ok(only)
    }

    /// Copies the masked fields of `from` into `into`, and removes those that `from` does not have.
    pub(super) fn merge(&self, into: &mut Fields, from: &Fields) -> Result<(), Refusal> {
        for text in &self.field_paths {
            let path = path_of_field(text)?;
            match path.get(from) {
                Some(value) => path.put(into, value.clone()),
                None => drop(path.take(into)),
            }
        }
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RunQuery {
    structured_query: StructuredQuery,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RunAggregation {
    structured_aggregation_query: StructuredAggregation,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StructuredAggregation {
    structured_query: StructuredQuery,
    aggregations: Vec<Aggregation>,
}

/// One aggregation. Sums and averages parse too, and are then refused as unimplemented.
#[derive(Debug, Deserialize)]
struct Aggregation {
    alias: String,
    #[serde(default)]
    count: Option<Count>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Count {
    #[serde(default)]
    up_to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StructuredQuery {
    from: Vec<From>,
    #[serde(default)]
    select: Option<Select>,
    #[serde(default, rename = "where")]
    filter: Option<Json>,
    #[serde(default)]
    order_by: Vec<Order>,
    #[serde(default)]
    start_at: Option<Cursor>,
    #[serde(default)]
    end_at: Option<Cursor>,
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    offset: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct From {
    collection_id: String,
    #[serde(default)]
    all_descendants: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Select {
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Field {
    field_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    field: Field,
    #[serde(default)]
    direction: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    values: Vec<Value>,
    #[serde(default)]
    before: bool,
}

/// The SQL condition of a query, and its parameters.
fn condition(call: &Call, query: &StructuredQuery) -> Result<(String, Vec<Sql>), Refusal> {
    let [from] = query.from.as_slice() else {
        return Err(Refusal::unimplemented("query over several collections"));
    };
    let by_name = query.order_by.iter().all(|o| o.field.field_path == "__name__");
    let upwards = query.order_by.iter().all(|o| o.direction.as_deref() != Some("DESCENDING"));
    if !by_name || !upwards {
        return Err(Refusal::unimplemented("order but by __name__, ascending"));
    }
    let within = key(&call.root, &call.path);
    let (mut text, mut values) = if from.all_descendants {
        let end = behind(&within);
        let kind = Sql::Text(from.collection_id.clone());
        (
            "kind = ?1 AND key > ?2 AND key < ?3".to_owned(),
            vec![kind, Sql::Blob(within), Sql::Blob(end)],
        )
    } else {
        let place = key(&call.root, &format!("{}/{}", call.path, from.collection_id));
        ("place = ?1".to_owned(), vec![Sql::Blob(place)])
    };
    for (cursor, after) in [(&query.start_at, true), (&query.end_at, false)] {
        let Some(cursor) = cursor else { continue };
        let [Value::Reference(name)] = cursor.values.as_slice() else {
            return Err(Refusal::unimplemented("cursor but a document's name"));
        };
        values.push(Sql::Blob(call.root.key_of(name)?));
        let sign = match (after, cursor.before) {
            (true, true) => ">=",
            (true, false) => ">",
            (false, true) => "<",
            (false, false) => "<=",
        };
        text = format!("{text} AND key {sign} ?{}", values.len());
    }
    Ok((text, values))
}

/// The documents that match a query, ordered by name.
fn documents(store: &Store, call: &Call, query: &StructuredQuery) -> Result<Vec<Kept>, Refusal> {
    let (condition, values) = condition(call, query)?;
    let text = format!(
        "SELECT path, fields, created, updated FROM documents WHERE {condition} ORDER BY key"
    );
    let mut statement = store.connection.prepare_cached(&text)?;
    let mut found = Vec::new();
    let limit = query.limit.and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX);
    let mut skip = query.offset.and_then(|o| usize::try_from(o).ok()).unwrap_or(0);
    for kept in statement.query_map(params_from_iter(values), Store::row)? {
        if found.len() == limit {
            break;
        }
        let kept = kept?;
        if query.filter.as_ref().map_or(Ok(true), |filter| matches(filter, &kept.fields))? {
            if skip == 0 {
                found.push(kept);
            }
            skip = skip.saturating_sub(1);
        }
    }
    Ok(found)
}

/// Counts the documents that match a query. Without a filter, limit or offset, it reads no documents.
fn how_many(store: &Store, call: &Call, query: &StructuredQuery) -> Result<usize, Refusal> {
    if query.filter.is_some() || query.limit.is_some() || query.offset.is_some() {
        return Ok(documents(store, call, query)?.len());
    }
    let (condition, values) = condition(call, query)?;
    let text = format!("SELECT count(*) FROM documents WHERE {condition}");
    let mut statement = store.connection.prepare_cached(&text)?;
    Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
}

/// Whether a timestamp is not before another one. A value of another type does not match.
fn not_before(found: Option<&Value>, wanted: &Json) -> Result<bool, Refusal> {
    let wanted: Value = serde_json::from_value(wanted.clone()).map_err(|_| Refusal::payload())?;
    let Value::Timestamp(wanted) = wanted else {
        return Err(Refusal::unimplemented("GREATER_THAN_OR_EQUAL but of timestamps"));
    };
    let Some(Value::Timestamp(found)) = found else { return Ok(false) };
    // As moments, and not as text: the number of digits of a fraction differs.
    let moment = |text: &str| text.parse::<Timestamp>().map_err(|_| Refusal::payload());
    Ok(moment(found)? >= moment(&wanted)?)
}

/// Whether a document's fields match a filter: `EQUAL`, `IS_NULL`, a timestamp that is not before another one, or an
/// `AND` of filters.
fn matches(filter: &Json, fields: &Fields) -> Result<bool, Refusal> {
    if let Some(all) = filter.get("compositeFilter").filter(|c| c["op"] == "AND") {
        let mut holds = true;
        for filter in all["filters"].as_array().into_iter().flatten() {
            holds &= matches(filter, fields)?;
        }
        return Ok(holds);
    }
    let field = |of: &Json| path_of_field(of["field"]["fieldPath"].as_str().unwrap_or_default());
    if let Some(equal) = filter.get("fieldFilter").filter(|f| f["op"] == "EQUAL") {
        let wanted: Value =
            serde_json::from_value(equal["value"].clone()).map_err(|_| Refusal::payload())?;
        return Ok(field(equal)?.get(fields) == Some(&wanted));
    }
    if let Some(from) = filter.get("fieldFilter").filter(|f| f["op"] == "GREATER_THAN_OR_EQUAL") {
        return not_before(field(from)?.get(fields), &from["value"]);
    }
    if let Some(null) = filter.get("unaryFilter").filter(|f| f["op"] == "IS_NULL") {
        return Ok(field(null)?.get(fields) == Some(&Value::Null(())));
    }
    Err(Refusal::unimplemented("filter but EQUAL, IS_NULL, GREATER_THAN_OR_EQUAL and AND"))
}

pub(super) fn run(store: &Store, call: &Call, asked: RunQuery) -> Result<Json, Refusal> {
    let query = asked.structured_query;
    let mask = query.select.as_ref().map(|select| Mask {
        field_paths: select.fields.iter().map(|f| f.field_path.clone()).collect(),
    });
    let at = store.now();
    let found = documents(store, call, &query)?;
    let mut parts = Vec::with_capacity(found.len());
    for kept in found {
        parts.push(json!({ "document": kept.json(&call.root, mask.as_ref())?, "readTime": at }));
    }
    match parts.last_mut() {
        Some(last) => last["done"] = json!(true),
        None => parts.push(json!({ "readTime": at, "done": true })),
    }
    Ok(Json::Array(parts))
}

pub(super) fn count(store: &Store, call: &Call, asked: RunAggregation) -> Result<Json, Refusal> {
    let asked = asked.structured_aggregation_query;
    let found = how_many(store, call, &asked.structured_query)?;
    let mut fields = serde_json::Map::new();
    for aggregation in &asked.aggregations {
        let Some(count) = &aggregation.count else {
            return Err(Refusal::unimplemented("aggregation but count"));
        };
        let most = count.up_to.as_ref().and_then(|m| m.parse().ok()).unwrap_or(usize::MAX);
        let told = json!({ "integerValue": found.min(most).to_string() });
        fields.insert(aggregation.alias.clone(), told);
    }
    let at = store.now();
    Ok(json!([{ "result": { "aggregateFields": fields }, "readTime": at, "done": true }]))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListCollections {
    #[serde(default)]
    page_size: Option<usize>,
    #[serde(default)]
    page_token: Option<String>,
}

pub(super) fn collections(
    store: &Store,
    call: &Call,
    asked: &ListCollections,
) -> Result<Json, Refusal> {
    // Find the ids one by one, each after the last: there are few ids, and many documents under each.
    let mut names: Vec<String> = Vec::new();
    let within = key(&call.root, &call.path);
    let most = asked.page_size.filter(|size| *size > 0).unwrap_or(usize::MAX);
    let mut from = match &asked.page_token {
        None => within.clone(),
        Some(last) => behind(&key(&call.root, &format!("{}/{last}", call.path))),
    };
    let end = behind(&within);
    let mut statement = store.connection.prepare_cached(
        "SELECT key FROM documents WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT 1",
    )?;
    loop {
        let found = statement.query_map([&from, &end], |row| row.get::<_, Vec<u8>>(0))?.next();
        let Some(found) = found.transpose()? else {
            return Ok(if names.is_empty() {
                json!({})
            } else {
                json!({ "collectionIds": names })
            });
        };
        let rest = found.get(within.len()..).unwrap_or_default();
        let name: Vec<u8> = rest.iter().copied().take_while(|b| *b != 0).collect();
        if names.len() == most {
            return Ok(json!({ "collectionIds": names, "nextPageToken": names.last() }));
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        from = behind(&key(&call.root, &format!("{}/{name}", call.path)));
        names.push(name);
    }
}

/// A key that sorts after every key with this prefix.
fn behind(key: &[u8]) -> Vec<u8> {
    let mut behind = key.to_vec();
    behind.push(u8::MAX);
    behind
}
