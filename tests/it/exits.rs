//! Each kind of error has the same exit code in every command.

use super::sandbox::Sandbox;

#[test]
fn unknown_names_are_usage_errors_in_every_verb() {
    let sandbox = Sandbox::new();
    let verbs = [
        "health nope",
        "health nope --watch",
        "status nope",
        "history nope",
        "handover nope",
        "lock nope",
        "plan nope --release 1.0.0",
        "deploy nope --release 1.0.0 --yes",
        "rollback nope --yes",
        "cleanup nope --yes",
        "pipeline nope",
        "checklist nope",
        "migrate status nope",
        "migrate up nope --yes",
        "commands run nope",
        "theme check nope",
        "lint nope",
        "resume 99 --yes",
        "pause 99",
        "abort 99",
        "approve 99 --yes",
        "retry 99 --yes",
        "skip 99 --reason x --yes",
        "logs 99",
        "report 99",
        "card 99",
        "attach 99 --plain",
        "verify 99",
        "events 99",
        "replay 99",
        "checklist 99",
        "deploy development --release 1.0.0 --service nope --yes",
        "rollback development --service nope --yes",
        "migrate status development --database nope",
    ];
    let wrong: Vec<_> = verbs
        .iter()
        .map(|verb| (verb, sandbox.run(&verb.split(' ').collect::<Vec<_>>())))
        .filter(|(_, said)| said.code != 2)
        .map(|(verb, said)| format!("{verb}: {} {}{}", said.code, said.out, said.err))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ended_run_refuses_every_command_alike() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    for verb in [
        "resume 1 --yes",
        "pause 1",
        "abort 1",
        "approve 1 --yes",
        "retry 1 --yes",
        "claim 1",
        "extend 1",
        "offer 1",
        "accept 1 --yes",
    ] {
        let said = sandbox.run(&verb.split(' ').collect::<Vec<_>>());
        assert_eq!(said.code, 3, "{verb}: {}", said.err);
    }
}
