import { type Colors, createColors } from '../../ui/colors.ts';

type Paint = (text: string) => string;

/** The colours for the tasks, assigned in the order in which the tasks appear. */
const paintsOf = (colors: Colors): readonly Paint[] => [
  colors.cyan,
  colors.yellow,
  colors.magenta,
  colors.green,
  colors.blue,
  colors.cyanBright,
  colors.yellowBright,
  colors.magentaBright,
  colors.greenBright,
  colors.blueBright,
];

/** One colour for each task, where output of several tasks is mixed. */
export class TaskPaints {
  readonly #paints: readonly Paint[];
  readonly #byTask = new Map<string, Paint>();

  constructor(color: boolean) {
    this.#paints = paintsOf(createColors(color));
  }

  /** The same for each call with the same task. */
  of(task: string): Paint {
    const known = this.#byTask.get(task);
    if (known !== undefined) return known;
    const paint = this.#paints[this.#byTask.size % this.#paints.length] ?? String;
    this.#byTask.set(task, paint);
    return paint;
  }
}
