//! Migration files: their names, their schema, and their conversion to the domain's operations.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::check;
use super::finding::{Finding, Findings};
use super::indexes::{expiry_of, index_of};
use super::node::{MOST_BYTES, Node, Place, parse};
use super::schema::migration::{
    ConditionConfig, MigrationConfig, OperationConfig, PhaseConfig, ReversibilityConfig,
};
use pointsman_core::document::{FieldPath, Fields, List, Map, Value};
use pointsman_core::migration::{Condition, Migration, Operation, Phase, Scope, Template, Undo};
use pointsman_core::release::SchemaVersion;

/// The JSON Schema of a migration file. Made once: the screen reads every migration again each few seconds.
pub fn migration_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> =
        LazyLock::new(|| schemars::schema_for!(MigrationConfig).to_value());
    &SCHEMA
}

/// Reads every migration in a folder, ordered by version. The error holds all findings of the first invalid file.
pub fn migrations(folder: &Path) -> Result<Vec<Migration>, Findings> {
    let unread = |e: std::io::Error| Findings::unread(folder, &e.to_string());
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if is_migration(&path) {
            let text = read(&path)?;
            texts.push((path, text));
        }
    }
    migrations_in(texts)
}

/// Whether a file name is that of a migration: YAML, and not hidden.
pub(super) fn is_migration(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let yaml = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
    yaml && !hidden
}

/// Parses the texts of migration files. Returns the migrations ordered by version.
pub(super) fn migrations_in(mut texts: Vec<(PathBuf, String)>) -> Result<Vec<Migration>, Findings> {
    texts.sort();
    let mut found: Vec<(Migration, String)> = Vec::new();
    for (path, text) in texts {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let migration = one(&path, &name, &text)?;
        if let Some((_, other)) = found.iter().find(|(m, _)| m.version == migration.version) {
            let why = format!("{other} has the version {} too", migration.version);
            return Err(refused(&path, "", vec![Finding::new(Place::default(), why)]));
        }
        found.push((migration, name));
    }
    found.sort_by(|(a, _), (b, _)| a.version.cmp(&b.version));
    Ok(found.into_iter().map(|(migration, _)| migration).collect())
}

fn read(path: &Path) -> Result<String, Findings> {
    let whole = |why: String| refused(path, "", vec![Finding::new(Place::default(), why)]);
    let size = std::fs::metadata(path).map_err(|e| whole(e.to_string()))?.len();
    if size > MOST_BYTES as u64 {
        return Err(whole(format!("is {size} bytes; a migration has at most {MOST_BYTES}")));
    }
    pointsman_source::text(path).map_err(|e| whole(format!("cannot be read: {e}")))
}

fn refused(path: &Path, text: &str, findings: Vec<Finding>) -> Findings {
    Findings { file: path.to_owned(), text: text.to_owned(), findings }
}

fn one(path: &Path, name: &str, text: &str) -> Result<Migration, Findings> {
    let whole = |why: String| refused(path, "", vec![Finding::new(Place::default(), why)]);
    if text.len() > MOST_BYTES {
        let size = text.len();
        return Err(whole(format!("is {size} bytes; a migration has at most {MOST_BYTES}")));
    }
    let version = version_of(name).map_err(whole)?;
    let node = parse(text).map_err(|finding| refused(path, text, vec![finding]))?;
    let (findings, _) = check::against_schema(migration_schema(), &node);
    if !findings.is_empty() {
        return Err(refused(path, text, findings));
    }
    let config: MigrationConfig = serde_yaml::from_str(text).map_err(|e| {
        let place =
            e.location().map_or(node.place, |l| Place { line: l.line(), column: l.column() });
        refused(path, text, vec![Finding::new(place, e.to_string())])
    })?;
    raise(version, &config, &node).map_err(|findings| refused(path, text, findings))
}

/// The version in a file name such as `1.10.0_add-roles.yaml`.
fn version_of(name: &str) -> Result<SchemaVersion, String> {
    let wanted = || {
        format!(
            "{name} is not named like a migration: <version>_<slug>.yaml, as in 1.10.0_add-roles.yaml"
        )
    };
    let (version, slug) = name.split_once('_').ok_or_else(wanted)?;
    let version: SchemaVersion = version.parse().map_err(|_| wanted())?;
    if slug.starts_with('.') || version == SchemaVersion::ZERO {
        return Err(wanted());
    }
    Ok(version)
}

fn raise(
    version: SchemaVersion,
    config: &MigrationConfig,
    node: &Node,
) -> Result<Migration, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut list = |key: &str, operations: &[OperationConfig]| {
        let mut raised = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            match operation_of(operation) {
                Ok(operation) => raised.push(operation),
                Err(why) => {
                    let place = node.place_of(&[key, &at.to_string()]);
                    findings.push(Finding::new(place, why));
                }
            }
        }
        raised
    };
    let (up, down) = (list("up", &config.up), list("down", &config.down));
    let undo = match config.reversibility {
        ReversibilityConfig::Full => Undo::Yes,
        ReversibilityConfig::DataLoss => Undo::DataLoss,
        ReversibilityConfig::None => Undo::No,
    };
    let place = node.place_of(&["reversibility"]);
    // An empty `down` would report success without undoing anything (dM18).
    if undo != Undo::No && config.down.is_empty() && !config.up.is_empty() {
        let finding = Finding::new(place, "it says that it can be undone, and has no `down`");
        findings.push(finding.hint("write `down`, or `reversibility: none`"));
    }
    if undo == Undo::No && !config.down.is_empty() {
        let finding = Finding::new(place, "it says that it cannot be undone, and has a `down`");
        findings.push(finding.hint("leave one of the two out"));
    }
    let phase = match config.phase {
        PhaseConfig::Expand => Phase::Expand,
        PhaseConfig::Migrate => Phase::Migrate,
        PhaseConfig::Contract => Phase::Contract,
    };
    findings.extend(misplaced(&up, phase, undo, node));
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Migration { version, description: config.description.clone(), phase, undo, up, down })
}

/// Acts on indexes and expiry that contradict what the migration says of itself.
fn misplaced(up: &[Operation], phase: Phase, undo: Undo, node: &Node) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, operation) in up.iter().enumerate() {
        let place = node.place_of(&["up", &at.to_string()]);
        match operation {
            Operation::DeleteIndex { .. } if phase != Phase::Contract => findings.push(
                Finding::new(place, "old code may still need that index")
                    .hint("delete it in a separate migration with `phase: contract`"),
            ),
            Operation::Expire { .. } if undo == Undo::Yes => findings.push(
                Finding::new(place, "documents that expire do not come back")
                    .hint("write `reversibility: data-loss` or `none`"),
            ),
            _ => {}
        }
    }
    findings
}

type Raised<T> = Result<T, String>;

fn operation_of(config: &OperationConfig) -> Raised<Operation> {
    let mut found = Vec::new();
    if let Some(c) = &config.create {
        found.push(create(&c.document, &c.fields));
    }
    if let Some(c) = &config.delete {
        found.push(document(&c.document).map(|document| Operation::Delete { document }));
    }
    if let Some(c) = &config.set_missing {
        found.push(both(scope(c.scope()), fields(&c.fields), |scope, fields| {
            Operation::SetMissing { scope, fields }
        }));
    }
    if let Some(c) = &config.set {
        found.push(both(scope(c.scope()), fields(&c.fields), |scope, fields| Operation::Set {
            scope,
            fields,
        }));
    }
    for (c, copies) in [(&config.rename, false), (&config.copy, true)] {
        let Some(c) = c else { continue };
        let ends = path(&c.from).and_then(|from| Ok((from, path(&c.to)?)));
        found.push(both(scope(c.scope()), ends, |scope, (from, to)| {
            if copies {
                Operation::Copy { scope, from, to }
            } else {
                Operation::Rename { scope, from, to }
            }
        }));
    }
    if let Some(c) = &config.remove {
        let fields = c.fields.iter().map(|f| path(f)).collect();
        found.push(both(scope(c.scope()), fields, |scope, fields| Operation::Remove {
            scope,
            fields,
        }));
    }
    if let Some(c) = &config.template {
        let template = Template::try_from(c.text.clone()).map_err(|p| p.to_string());
        let made = path(&c.field).and_then(|field| Ok((field, template?)));
        found.push(both(scope(c.scope()), made, |scope, (field, template)| Operation::Template {
            scope,
            field,
            template,
        }));
    }
    if let Some(c) = &config.convert {
        let to = c.to;
        found.push(both(scope(c.scope()), path(&c.field), |scope, field| Operation::Convert {
            scope,
            field,
            to,
        }));
    }
    if let Some(c) = &config.increment {
        let by = c.by;
        found.push(both(scope(c.scope()), path(&c.field), |scope, field| Operation::Increment {
            scope,
            field,
            by,
        }));
    }
    if let Some(c) = &config.delete_collection {
        found.push(scope(c.scope()).map(|scope| Operation::DeleteCollection { scope }));
    }
    if let Some(c) = &config.index {
        found.push(index_of(c).map(|index| Operation::CreateIndex { index }));
    }
    if let Some(c) = &config.delete_index {
        found.push(index_of(c).map(|index| Operation::DeleteIndex { index }));
    }
    if let Some(c) = &config.ttl {
        found.push(expiry_of(c).map(|expiry| Operation::Expire { expiry }));
    }
    if let Some(c) = &config.delete_ttl {
        found.push(expiry_of(c).map(|expiry| Operation::EndExpiry { expiry }));
    }
    if let Some(argv) = &config.run {
        found.push(match argv.as_slice() {
            [] => Err("`run` names no program".to_owned()),
            _ => Ok(Operation::Run { argv: argv.clone() }),
        });
    }
    match found.len() {
        1 => found.remove(0),
        0 => Err("an operation says what it does: create, set, rename, …".to_owned()),
        _ => Err("an operation is one act: begin a new item for the second".to_owned()),
    }
}

fn both<A, B>(
    a: Raised<A>,
    b: Raised<B>,
    make: impl FnOnce(A, B) -> Operation,
) -> Raised<Operation> {
    Ok(make(a?, b?))
}

fn create(name: &str, written: &std::collections::BTreeMap<String, Json>) -> Raised<Operation> {
    let mut fields = Fields::new();
    for (field, json) in written {
        fields.insert(field.clone(), value(json)?);
    }
    Ok(Operation::Create { document: document(name)?, fields })
}

fn path(text: &str) -> Raised<FieldPath> {
    text.parse().map_err(|problem: pointsman_core::error::Problem| problem.to_string())
}

fn parts_of(name: &str) -> usize {
    let parts: Vec<_> = name.split('/').collect();
    let wrong = |part: &&str| part.is_empty() || *part == "." || *part == "..";
    if parts.iter().any(wrong) { 0 } else { parts.len() }
}

fn document(name: &str) -> Raised<String> {
    if name.starts_with(pointsman_core::migration::COLLECTION) {
        return Err(format!("{name} is pointsman's own record"));
    }
    match parts_of(name) {
        parts if parts > 0 && parts.is_multiple_of(2) => Ok(name.to_owned()),
        _ => Err(format!("{name:?} is no path of a document: write settings/roles")),
    }
}

fn scope(
    (collection, group, filter): (Option<&String>, Option<&String>, &[ConditionConfig]),
) -> Raised<Scope> {
    let (name, group) = match (collection, group) {
        (Some(name), None) => (name, false),
        (None, Some(name)) => (name, true),
        _ => return Err("it needs `in` or `in_every`, one of the two".to_owned()),
    };
    if name.starts_with(pointsman_core::migration::COLLECTION) {
        return Err(format!("{name} is pointsman's own record"));
    }
    let parts = parts_of(name);
    if parts.is_multiple_of(2) || (group && parts != 1) {
        let example = if group { "orders" } else { "users or users/u1/orders" };
        return Err(format!("{name:?} is no collection: write {example}"));
    }
    let filter = filter.iter().map(condition).collect::<Raised<_>>()?;
    Ok(Scope { collection: name.clone(), group, filter })
}

fn condition(config: &ConditionConfig) -> Raised<Condition> {
    let field = path(&config.field)?;
    Ok(match (&config.equals, &config.differs, config.exists) {
        (Some(json), None, None) => Condition::Equals(field, value(json)?),
        (None, Some(json), None) => Condition::Differs(field, value(json)?),
        (None, None, Some(true)) => Condition::Exists(field),
        (None, None, Some(false)) => Condition::Missing(field),
        _ => {
            return Err(format!(
                "a condition on {field} needs `equals`, `differs` or `exists`, one of them"
            ));
        }
    })
}

fn fields(written: &std::collections::BTreeMap<String, Json>) -> Raised<Vec<(FieldPath, Value)>> {
    if written.is_empty() {
        return Err("`fields` names none".to_owned());
    }
    written.iter().map(|(field, json)| Ok((path(field)?, value(json)?))).collect()
}

/// Converts a value in plain YAML or in Firestore's own notation (`integerValue: 1`).
fn value(json: &Json) -> Raised<Value> {
    Ok(match json {
        Json::Null => Value::Null(()),
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(real)) if !number.is_u64() => Value::Double(real),
            _ => return Err(format!("{number} does not fit into 64 bits")),
        },
        Json::String(text) => Value::text(text),
        Json::Array(values) => {
            if values.iter().any(Json::is_array) {
                return Err("Firestore holds no list directly inside a list".to_owned());
            }
            Value::List(List { values: values.iter().map(value).collect::<Raised<_>>()? })
        }
        Json::Object(map) => {
            let only = map.iter().next().filter(|_| map.len() == 1);
            if only.is_some_and(|(key, _)| key.ends_with("Value")) {
                return serde_json::from_value(json.clone())
                    .map_err(|e| format!("{json} is no value of Firestore: {e}"));
            }
            let inner = map.iter().map(|(key, json)| Ok((key.clone(), value(json)?)));
            Value::Map(Map { fields: inner.collect::<Raised<_>>()? })
        }
    })
}
