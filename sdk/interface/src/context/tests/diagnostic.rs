//! Where a failure is explained, and which explanation stands in the end.

use super::*;

/// What `process`, which may call `callee`, leaves as explanation; as text.
fn explain(process: Process, callee: Process) -> Option<String> {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new()
            .with(Closure(PROGRAM, process))
            .with(Closure(CALLEE, callee)),
    };
    let (program, other) = (program_account(), program_account());
    let mut context = TransactionContext::new(&environment);
    let mut explanations = [true, false].map(|is_recording| {
        context.begin(1_000, is_recording);
        context.push(AccountSlot::shared(&CALLEE, &other, false));
        context.push(AccountSlot::shared(&PROGRAM, &program, false));
        // Its success or failure is other tests' matter.
        let result = context.process_instruction(3, 1, &[0, 1], &[]);
        let explanation = context.diagnostic();
        if let Some(known) = &explanation {
            assert_eq!(result, Err(known.error.clone()));
        }
        explanation.map(|known| known.to_string())
    });
    assert_eq!(
        explanations[1], None,
        "nothing is explained unless logs are recorded"
    );
    explanations[0].take()
}

fn declare(context: &InvokeContext<'_, '_>, name: &'static str) -> InstructionError {
    let error = InstructionError::Custom(1);
    let message = "message";
    context.diagnose(&error, || Cause::Declared { name, message });
    error
}

fn call_callee(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.invoke(&call(Vec::new()))
}

#[test]
fn an_explanation_names_the_calls_that_lead_to_it() {
    let plain = explain(|_| Err(InstructionError::Custom(7)), |_| Ok(()));
    let expected = format!("instruction 3, program {PROGRAM}: custom program error: 0x7");
    assert_eq!(plain, Some(expected));
    let second = explain(
        |context| {
            context.set_return_data(&[1])?;
            call_callee(context)?;
            call_callee(context)
        },
        |context| {
            // Fails when it is called for the second time, which costs what the first left.
            context.consume(600)?;
            Ok(())
        },
    );
    let expected = format!(
        "instruction 3.1, program {CALLEE}: the transaction's compute budget breaks the rule `units`: \
         expected at least 600 units to be left, got 400"
    );
    assert_eq!(second, Some(expected));
}

#[test]
fn calls_that_there_is_no_room_for_name_their_program() {
    let deeper: Process = |context| {
        let metas = [PROGRAM, CALLEE].map(|address| AccountMeta::readonly(address, false));
        context.invoke(&Instruction {
            program: PROGRAM,
            accounts: metas.to_vec(),
            data: vec![],
        })
    };
    let told = explain(deeper, |_| Ok(())).expect("it fails");
    let expected = format!(
        "{PROGRAM}, which the invoke names, breaks the rule `calls`: expected calls that nest 5 \
         deep at most, got a deeper one"
    );
    assert!(told.ends_with(&expected), "{told}");
    let back = explain(
        |context| {
            let metas = [PROGRAM, CALLEE].map(|address| AccountMeta::readonly(address, false));
            context.invoke(&Instruction {
                program: CALLEE,
                accounts: metas.to_vec(),
                data: vec![],
            })
        },
        deeper,
    );
    let told = back.expect("it fails");
    assert!(told.contains("one that waits for its callee"), "{told}");
}

#[test]
fn the_explanation_of_the_program_that_failed_first_stands() {
    let inner = explain(
        |context| {
            let _ignored = call_callee(context);
            Err(declare(context, "Outer"))
        },
        |context| Err(declare(context, "Inner")),
    );
    let expected =
        format!("instruction 3.0, program {CALLEE}: Inner: message (custom program error: 0x1)");
    assert_eq!(inner, Some(expected));
}

#[test]
fn what_a_program_recovered_from_explains_nothing() {
    let recovered = explain(
        |context| {
            let _ignored = declare(context, "Ignored");
            Ok(())
        },
        |_| Ok(()),
    );
    assert_eq!(recovered, None);
    let other = explain(
        |context| {
            let _ignored = declare(context, "Ignored");
            Err(InstructionError::InvalidArgument)
        },
        |_| Ok(()),
    );
    let error = InstructionError::InvalidArgument;
    let expected = format!("instruction 3, program {PROGRAM}: {error}");
    assert_eq!(other, Some(expected));
}

#[test]
fn a_program_refines_its_own_explanation_alone() {
    let refined = explain(
        |context| {
            let error = declare(context, "Coarse");
            context.refine_diagnostic(|cause| {
                *cause = Cause::Declared {
                    name: "Fine",
                    message: "grain",
                };
            });
            Err(error)
        },
        |_| Ok(()),
    );
    assert!(refined.is_some_and(|text| text.contains("Fine: grain")));
    let foreign = explain(
        |context| {
            let result = call_callee(context);
            context.refine_diagnostic(|cause| *cause = Cause::Plain);
            result
        },
        |context| Err(declare(context, "Inner")),
    );
    assert!(foreign.is_some_and(|text| text.contains("Inner")));
}

#[test]
fn an_error_that_nobody_returns_fails_the_transaction() {
    let failed = explain(
        |context| {
            context.fail(&InstructionError::AccountDataTooSmall);
            Ok(())
        },
        |_| Ok(()),
    );
    let error = InstructionError::AccountDataTooSmall;
    let expected = format!("instruction 3, program {PROGRAM}: {error}");
    assert_eq!(failed, Some(expected));
}
