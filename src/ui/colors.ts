import pico from 'picocolors';

/** Colours as a value, decided per stream; with `false` every function returns its text unchanged. */
export type Colors = ReturnType<typeof pico.createColors>;

export const createColors = (enabled: boolean): Colors => pico.createColors(enabled);

/** Meaning before colour: the same four tones in tables and events. */
export type Tone = 'good' | 'warning' | 'bad' | 'dim';

export function paint(colors: Colors, tone: Tone, text: string): string {
  switch (tone) {
    case 'good':
      return colors.green(text);
    case 'warning':
      return colors.yellow(text);
    case 'bad':
      return colors.red(text);
    case 'dim':
      return colors.dim(text);
  }
}
