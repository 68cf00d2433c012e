import pico from 'picocolors';

/** The colour functions of one stream; with `false` every function returns its text unchanged. */
export type Colors = ReturnType<typeof pico.createColors>;

export const createColors = (enabled: boolean): Colors => pico.createColors(enabled);

/** Tones are named by their meaning; tables and events use the same four. */
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
