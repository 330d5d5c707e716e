//! Roles of screen elements. A theme defines how each role is drawn.

macro_rules! roles {
    ($($variant:ident $name:literal,)*) => {
        /// The role of a part of the screen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Role {
            $($variant,)*
        }

        impl Role {
            /// Every role, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a theme.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

roles! {
    Surface "surface",
    Raised "surface.raised",
    Text "text",
    Muted "text.muted",
    Border "border",
    BorderFocus "border.focus",
    Title "title",
    Focus "title.focus",
    Selection "selection",
    SelectionUnfocused "selection.unfocused",
    Key "key",
    KeyOff "key.off",
    Open "env.open",
    Confirm "env.confirm",
    Typed "env.typed",
    Blue "slot.blue",
    Green "slot.green",
    Pending "state.pending",
    Running "state.running",
    Waiting "state.waiting",
    Paused "state.paused",
    Ok "state.ok",
    Warning "state.warn",
    Failed "state.failed",
    Skipped "state.skipped",
    NotRun "state.na",
    Aborted "state.aborted",
    RolledBack "state.rolledback",
    Unknown "state.unknown",
    HealthOk "health.ok",
    HealthDegraded "health.degraded",
    HealthDown "health.down",
    HealthStale "health.stale",
    HealthOff "health.off",
    LogTime "log.time",
    LogSource "log.source",
    LogFact "log.fact",
    LogTrace "log.trace",
    LogDebug "log.debug",
    LogInfo "log.info",
    LogWarn "log.warn",
    LogError "log.error",
    LogMatch "log.match",
    LogCurrent "log.match.current",
    GaugeFull "gauge.filled",
    GaugeEmpty "gauge.empty",
    NoReturn "no_return",
    Toast "toast.info",
    ToastWarning "toast.warn",
    ToastError "toast.error",
    Dialog "dialog",
    Danger "dialog.danger",
    InputOk "input.ok",
    InputBad "input.bad",
}

/// All names that a theme may use: the roles, and their prefixes before a dot.
pub(super) fn known_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Role::ALL
        .iter()
        .flat_map(|role| std::iter::successors(Some(role.name()), |name| parent(name)))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fallback of a role: if a theme does not define `state.failed`, it is drawn as `state`, and that as `text`.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(before, _)| before)
}
