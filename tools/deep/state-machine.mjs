// The state machine of infra/terraform, run by a small interpreter of the parts of Amazon States Language that it uses
// (https://states-language.net/spec.html): the emulator does not know how to check one.

const at = (path, input) =>
  path
    .split('.')
    .slice(1)
    .reduce((value, part) => {
      const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(part);
      const member = value?.[name];
      return index === undefined ? member : member?.[Number(index)];
    }, input);

/** `States.Array('a','b',$)` with its input. */
function commandOf(text, input) {
  const [, list] = /^States\.Array\((.*)\)$/s.exec(text);
  return [...list.matchAll(/'([^']*)'|(\$)/g)].map(([, literal, whole]) => (whole === undefined ? literal : input));
}

function isTrue(choice, input) {
  if (choice.And !== undefined) return choice.And.every((part) => isTrue(part, input));
  const value = at(choice.Variable, input);
  if (choice.IsPresent !== undefined) return (value !== undefined) === choice.IsPresent;
  if (choice.NumericEquals !== undefined) return value === choice.NumericEquals;
  throw new Error(`this interpreter does not know ${JSON.stringify(choice)}`);
}

/** Runs a machine; `exitCodeOf(command)` is how a task's container ends. Returns what was started, and how it ended. */
function runStateMachine(definition, exitCodeOf) {
  const started = [];
  const run = (machine, given) => {
    let name = machine.StartAt;
    let input = given;
    for (let steps = 0; steps < 100; steps++) {
      const state = machine.States[name];
      if (state === undefined) throw new Error(`there is no state ${name}`);
      if (state.Type === 'Succeed') return 'succeeded';
      if (state.Type === 'Fail') return `failed: ${state.Error}`;
      let next = state.Next;
      if (state.Type === 'Pass') input = state.Result ?? { task: JSON.parse(at('$.Cause', input)) };
      else if (state.Type === 'Choice')
        next = state.Choices.find((choice) => isTrue(choice, input))?.Next ?? state.Default;
      else if (state.Type === 'Map') {
        const ends = at(state.ItemsPath, input).map((item) => run(state.ItemProcessor, item));
        const bad = ends.find((end) => end !== 'succeeded');
        if (bad !== undefined) return bad;
      } else if (state.Resource.endsWith('lambda:invoke')) started.push('lambda');
      else {
        const command = commandOf(state.Parameters.Overrides.ContainerOverrides[0]['Command.$'], input);
        started.push(command.join(' '));
        const exitCode = exitCodeOf(command);
        if (exitCode !== 0) {
          const container = exitCode === undefined ? {} : { ExitCode: exitCode };
          input = { Error: 'States.TaskFailed', Cause: JSON.stringify({ Containers: [container] }) };
          next = state.Catch[0].Next;
        }
      }
      if (state.End === true) return 'succeeded';
      name = next;
    }
    throw new Error('it does not end');
  };
  return { end: run(definition, {}), started };
}

/** The machine's definition in what `terraform test -json -verbose` printed. */
export function definitionIn(text) {
  for (const line of text.split('\n')) {
    if (!line.includes('"type":"test_state"') || !line.includes('"@testrun":"state_machine"')) continue;
    const { resources } = JSON.parse(line).test_state.root_module;
    const machine = resources.find(({ type }) => type === 'aws_sfn_state_machine');
    if (machine !== undefined) return JSON.parse(machine.values.definition);
  }
  return undefined;
}

export function checkStateMachine(definition, one) {
  const all = runStateMachine(definition, () => 0);
  one(
    'the state machine: update-seed → ingest (3 tasks) → transform → verify → quality',
    all.end === 'succeeded' &&
      all.started.map((command) => command.replace(/ --exchange.*| coinbase$/, '')).join(' → ') ===
        'update-seed --in-lake → run ingest → run ingest → run ingest → run unify trades_unified → verify → lambda',
  );
  one(
    'it goes on after an incomplete, held or unavailable exchange (3, 5, 6)',
    [3, 5, 6].every((code) => {
      const { end, started } = runStateMachine(definition, () => code);
      return end === 'succeeded' && started.length === all.started.length;
    }),
  );
  one(
    'it fails at a task that failed, was refused, or never began, and starts nothing more',
    [1, 2, 4, 137, undefined].every((code) => {
      const { end, started } = runStateMachine(definition, ([first]) => (first === 'run' ? code : 0));
      return end === 'failed: fetch failed' && started.at(-1).startsWith('run ingest');
    }),
  );
}
