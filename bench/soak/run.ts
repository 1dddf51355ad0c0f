import { loadavg } from 'node:os';
import { machineOf, type SoakResults } from './results.ts';
import type { RunSettings, Scenario } from './scenario.ts';
import { Stage } from './stage.ts';

/**
 * Runs a scenario to its end. Everything that it starts has ended when the promise settles.
 * @throws Error As a rejection, if the scenario could not run.
 */
export async function runScenario(scenario: Scenario, settings: RunSettings): Promise<SoakResults> {
  const began = new Date();
  const startMs = performance.now();
  const [loadBefore] = loadavg() as [number, number, number];
  const stages: Stage[] = [];
  try {
    const { criteria, figures } = await scenario.run({
      ...settings,
      open: async (stageSettings) => {
        const stage = await Stage.open(stageSettings, settings.durationMs);
        stages.push(stage);
        return stage;
      },
    });
    const [first] = stages;
    return {
      format: 1,
      scenario: scenario.name,
      settings,
      began: began.toISOString(),
      tookMs: performance.now() - startMs,
      machine: machineOf(loadBefore),
      passes: criteria.every(({ isMet }) => isMet),
      criteria,
      figures,
      recording: {
        samples: first?.samples ?? [],
        marks: first?.marks ?? [],
        live: first?.live ?? [],
      },
    };
  } finally {
    await Promise.all(stages.map((stage) => stage.end()));
  }
}
