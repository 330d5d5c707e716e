//! The Migrations pane: drawn from snapshots at every size, and driven by keys.

use pointsman::domain::error::Problem;
use pointsman::domain::migration::{
    Direction, Head, Holder, LockState, Migration, Phase, Record, RecordState, Schema, Undo,
    obstacles, rows,
};
use pointsman::domain::policy::Protection;
use pointsman::domain::snapshot::{DatabaseSnapshot, EnvironmentSnapshot};
use pointsman::tui::msg::Msg;
use pointsman::tui::theme::Theme;
use serde_json::json;

use super::migrating::migration;
use super::screen::{Screen, at_gate, plain, seen, steady};

fn file(version: &str, description: &str, phase: Phase, undo: Undo) -> Migration {
    let up =
        json!([{ "remove": { "scope": { "collection": "users" }, "fields": ["legacyRole"] } }]);
    let made = migration(version, &up, &json!([]));
    Migration { description: description.to_owned(), phase, undo, ..made }
}

fn record(of: &Migration, state: RecordState) -> Record {
    let mut record = Record::begin(of, Direction::Up, "maria", 18_204);
    (record.state, record.took_ms, record.half.processed) = (state, 31_000, 7_300);
    record.at = Some("2026-09-14T10:00:00Z".to_owned());
    record
}

/// A database with every kind of migration row.
pub(crate) fn database() -> DatabaseSnapshot {
    let files = [
        file("1.0.0", "Initial schema setup", Phase::Expand, Undo::Yes),
        file(
            "1.1.0",
            "Add user roles, 役割 and permissions of every kind there is",
            Phase::Expand,
            Undo::DataLoss,
        ),
        file("1.2.0", "Move the addresses", Phase::Migrate, Undo::Yes),
        file("1.10.0", "Drop legacy role field", Phase::Contract, Undo::No),
    ];
    let records = [
        record(&files[0], RecordState::Applied),
        record(&files[1], RecordState::Applied),
        Record {
            error: Some("users/u9: it has no city".into()),
            ..record(&files[2], RecordState::Failed)
        },
    ];
    let schema = Schema {
        head: Head::At("1.1.0".parse().unwrap()),
        records: records.into_iter().map(|r| (r.version.clone(), r)).collect(),
        collections: vec!["users".to_owned()],
    };
    let rows = rows(&files, &schema);
    DatabaseSnapshot {
        name: "main".to_owned(),
        place: "toto-f9d2f/(default)".to_owned(),
        obstacles: obstacles(&rows, &schema),
        rows,
        version: schema.version(),
        dirty: schema.dirty().map(|r| r.version.clone()),
        lock: None,
        accepted: vec![
            ("toto-app".to_owned(), ">=1.0.0".parse().unwrap(), true),
            ("toto-bo".to_owned(), ">=2.0.0".parse().unwrap(), false),
        ],
        rollback: "no migration has to be undone: the target works with 1.1.0".to_owned(),
        indexes: None,
        rules: None,
        unseen: None,
    }
}

fn with(databases: Option<Vec<DatabaseSnapshot>>) -> Screen {
    let mut screen = Screen::new(Protection::Typed);
    screen.run(&at_gate(), Some(7));
    let looked = EnvironmentSnapshot { databases, ..seen() };
    screen.send(Msg::Looked(screen.model.environments[0].name.clone(), looked));
    screen.char('5');
    screen.wait(5);
    screen
}

#[test]
fn migrations_pane_shows_version_and_blockers() {
    let mut screen = with(Some(vec![database()]));
    for (name, size, ascii) in
        [("wide", (160, 45), false), ("usual", (100, 30), false), ("compact", (60, 16), true)]
    {
        screen.send(Msg::Resize(size.0, size.1));
        let drawn = steady(&screen.draw(&Theme::without_colour(ascii)));
        insta::assert_snapshot!(format!("pane_migrations_{name}"), drawn);
    }
    screen.send(Msg::Resize(100, 30));
    screen.char('z');
    for _ in 0..3 {
        screen.char('j');
    }
    insta::assert_snapshot!("pane_migrations_zoomed", steady(&screen.draw(&plain())));
    for (width, height) in (1..90).step_by(3).flat_map(|w| (1..40).step_by(3).map(move |h| (w, h)))
    {
        screen.send(Msg::Resize(width, height));
        screen.draw(&Theme::without_colour(width % 2 == 0));
    }
}

#[test]
fn migrations_pane_shows_unknown_as_unknown() {
    with(None).shows("Not read yet.");
    with(Some(Vec::new())).shows("No database configured.");
    let unseen = DatabaseSnapshot {
        unseen: Some(Problem::new("the database does not answer").because("connection refused")),
        version: None,
        ..database()
    };
    let mut screen = with(Some(vec![unseen]));
    screen.send(Msg::Resize(100, 30));
    screen.char('z');
    screen.shows("unknown: the database does not answer");
    assert!(!screen.draw(&plain()).contains("database is here"), "its version is unknown");
    let holder = Holder {
        actor: "ana".into(),
        host: "laptop".into(),
        purpose: "deploy 1.5.0 on production".into(),
        run: 12,
        id: "x".into(),
        pid: 1,
    };
    let lock = LockState {
        holder,
        fence: 3,
        step: "soak".into(),
        outcome: String::new(),
        beat: String::new(),
        updated: String::new(),
        age_seconds: 4,
        lease_seconds: 60,
    };
    let mut screen = with(Some(vec![DatabaseSnapshot { lock: Some(lock), ..database() }]));
    screen.send(Msg::Resize(160, 45));
    screen.char('z');
    screen.shows("lock: ana on laptop: deploy 1.5.0 on production, run #12, in soak, seen 4 s ago");
}

#[test]
fn apply_and_undo_confirm_their_version() {
    let mut screen = with(Some(vec![database()]));
    // While a run is under way, migrations are disabled.
    screen.char('M');
    screen.shows("migrate is off: run #");
    let ended = super::screen::states(super::world::Behaviour::Healthy).pop().unwrap();
    screen.run(&ended, None);
    screen.wait(1000);
    screen.char('M');
    screen.shows("Apply migrations up to…");
    screen.shows("1.10.0");
    screen.shows("CONTRACT: Drop legacy role field; old code");
}
