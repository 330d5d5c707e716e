//! Selects the migrations for a request, or explains why there are none.

use super::{Direction, Migration, Phase, Row, RowState, Schema, Undo, obstacles, rows};
use crate::error::Problem;
use crate::release::SchemaVersion;

/// The selection of pending migrations.
#[derive(Debug, Clone, Default)]
pub struct Pick<'a> {
    /// Up to this version. None: all.
    pub to: Option<&'a SchemaVersion>,
    /// Includes versions below an applied one.
    pub out_of_order: bool,
    /// Includes contracting migrations without naming their version.
    pub contract: bool,
}

fn first_obstacle(rows: &[Row], schema: &Schema) -> Result<(), Problem> {
    obstacles(rows, schema).into_iter().next().map_or(Ok(()), Err)
}

/// A half-applied migration is finished first, in the same direction.
fn half(rows: &[Row], direction: Direction) -> Result<Option<&Row>, Problem> {
    let Some(row) = rows.iter().find(|r| r.state == RowState::Dirty) else { return Ok(None) };
    let version = &row.version;
    let Some(record) = &row.record else { return Ok(None) };
    let stuck = |why: String| {
        Problem::new(format!("{version} is half done")).because(why).try_this(
            "check what it did, then record it: pointsman migrate repair ENV --as not|half|fully --reason TEXT",
        )
    };
    if record.half.program {
        return Err(stuck("its program was started, and its result is unknown".to_owned()));
    }
    if record.half.direction != direction {
        let went = record.half.direction.label();
        let todo = format!("finish it first: {}", record.half.direction.command());
        return Err(Problem::new(format!("{version} is half done"))
            .because(format!("its direction was {went}"))
            .try_this(todo));
    }
    match &row.file {
        None => Err(stuck("its file is gone".to_owned())),
        Some(file) if file.checksum() != record.checksum => {
            Err(stuck("its file was edited since it began".to_owned()))
        }
        Some(_) => Ok(Some(row)),
    }
}

/// The migrations to apply, in order.
pub fn up(
    files: &[Migration],
    schema: &Schema,
    pick: &Pick<'_>,
) -> Result<Vec<Migration>, Problem> {
    let rows = rows(files, schema);
    first_obstacle(&rows, schema)?;
    half(&rows, Direction::Up)?;
    if let Some(to) = pick.to {
        known(to, files)?;
    }
    let mut chosen = Vec::new();
    for row in &rows {
        let Some(file) = &row.file else { continue };
        if pick.to.is_some_and(|to| row.version > *to) {
            break;
        }
        match row.state {
            RowState::OutOfOrder if !pick.out_of_order => {
                return Err(Problem::new(format!(
                    "{} comes before one that is applied",
                    row.version
                ))
                .because("it was added later, and applied migrations may not expect it")
                .try_this("give it a later version, or allow it: --out-of-order"));
            }
            RowState::Pending | RowState::OutOfOrder | RowState::Dirty => {}
            RowState::Applied | RowState::Missing | RowState::Edited(_) | RowState::Unknown => {
                continue;
            }
        }
        // Contracting migrations are applied by name, or with a clean-up.
        let asked = pick.to.is_some_and(|to| *to >= row.version) || pick.contract;
        if file.phase == Phase::Contract && !asked && row.state != RowState::Dirty {
            let after = rows.iter().filter(|r| r.version > row.version);
            let mut adds =
                after.filter_map(|r| r.file.as_ref().filter(|_| r.state == RowState::Pending));
            if let Some(adds) = adds.find(|m| m.phase != Phase::Contract) {
                return Err(Problem::new(format!(
                    "{} cannot be applied before {}",
                    adds.version, row.version
                ))
                .because(format!("{} removes data, which is done in a clean-up", row.version))
                .try_this(format!(
                    "clean up first: pointsman cleanup ENV; or apply it now: --to {}",
                    adds.version
                )));
            }
            break;
        }
        chosen.push(file.clone());
    }
    Ok(chosen)
}

fn known(to: &SchemaVersion, files: &[Migration]) -> Result<(), Problem> {
    if files.iter().any(|m| &m.version == to) {
        return Ok(());
    }
    let names: Vec<_> = files.iter().map(|m| m.version.to_string()).collect();
    Err(Problem::new(format!("there is no migration {to}"))
        .because(format!("the files are {}", names.join(", "))))
}

/// The migrations to undo, the latest one first.
pub fn down(
    files: &[Migration],
    schema: &Schema,
    to: &SchemaVersion,
) -> Result<Vec<Migration>, Problem> {
    let rows = rows(files, schema);
    first_obstacle(&rows, schema)?;
    half(&rows, Direction::Down)?;
    let applied: Vec<_> = schema.applied().map(|r| &r.version).collect();
    if *to != SchemaVersion::ZERO && !applied.contains(&to) {
        let names: Vec<_> = applied.iter().map(ToString::to_string).collect();
        return Err(Problem::new(format!("{to} is not applied"))
            .because(format!(
                "applied are {}",
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            ))
            .try_this("name one of them, or 0.0.0"));
    }
    let mut chosen = Vec::new();
    for row in rows.iter().rev().filter(|r| r.version > *to) {
        let undone = matches!(row.state, RowState::Applied | RowState::Dirty);
        let Some(file) = row.file.as_ref().filter(|_| undone) else { continue };
        if file.undo == Undo::No {
            return Err(Problem::new(format!("{} cannot be undone", row.version))
                .because("its file is marked irreversible: the deleted data is not stored")
                .try_this("write a migration that fixes it"));
        }
        chosen.push(file.clone());
    }
    if chosen.is_empty() {
        return Err(Problem::new(format!("the database is already at {to}")));
    }
    Ok(chosen)
}

/// The migrations that a baseline records as applied: all up to a version that a file has, or none.
pub fn baseline(
    files: &[Migration],
    schema: &Schema,
    to: &SchemaVersion,
) -> Result<Vec<Migration>, Problem> {
    if *to != SchemaVersion::ZERO {
        known(to, files)?;
    }
    if let Some(dirty) = schema.dirty() {
        return Err(Problem::new(format!("{} is half done", dirty.version))
            .try_this("pointsman migrate repair ENV comes first"));
    }
    if let Some(above) = schema.applied().find(|r| r.version > *to) {
        return Err(Problem::new(format!("{} is applied, which is above {to}", above.version))
            .try_this(format!("undo it instead: pointsman migrate down ENV --to {to}")));
    }
    Ok(files.iter().filter(|m| m.version <= *to).cloned().collect())
}
