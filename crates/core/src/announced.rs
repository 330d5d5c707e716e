//! Facts that announce an effect.

use super::event::Event;

impl Event {
    /// Whether an effect on a platform or a database follows at once. Such a fact must be in the store that others read
    /// before the effect: the machine that takes the run over looks for what it announces.
    pub fn announces_effect(&self) -> bool {
        match self {
            Self::RolloutsHeld { .. }
            | Self::BuildRequested { .. }
            | Self::SwitchRequested { .. }
            | Self::ShiftRequested { .. }
            | Self::MigrationRequested { .. } => true,
            Self::RunStarted { .. }
            | Self::StepStarted { .. }
            | Self::StepFinished { .. }
            | Self::StepFailed { .. }
            | Self::StepSkipped { .. }
            | Self::GateOpened { .. }
            | Self::GateAnswered { .. }
            | Self::GateDue { .. }
            | Self::BlueObserved { .. }
            | Self::RolloutsReleased { .. }
            | Self::FilesSeen { .. }
            | Self::GreenReady { .. }
            | Self::CandidateReady { .. }
            | Self::TrafficObserved { .. }
            | Self::Judged { .. }
            | Self::ConfigCompared { .. }
            | Self::ServingReported { .. }
            | Self::ReleaseFaulted { .. }
            | Self::ChecklistSeen { .. }
            | Self::UndoPlanned { .. }
            | Self::ReleaseMarked { .. }
            | Self::DatabaseLocked { .. }
            | Self::SchemaSeen { .. }
            | Self::MigrationEnded { .. }
            | Self::BuildStopped { .. }
            | Self::BuildDeleted { .. }
            | Self::CommandAccepted { .. }
            | Self::CommandRefused { .. }
            | Self::RunPaused { .. }
            | Self::RunResumed {}
            | Self::RunHandedOver { .. }
            | Self::RunTakenOn {}
            | Self::RunEnded { .. }
            | Self::RunnerLost { .. }
            | Self::RunSuperseded { .. } => false,
        }
    }
}
