/** What a screen is drawn on, and the keys that are pressed before it. */
export interface Terminal {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

const ALTERNATE = '\u001b[?1049h\u001b[?25l';
const AS_IT_WAS = '\u001b[?25h\u001b[?1049l';
const FROM_THE_TOP = '\u001b[H';
const CLEAR_TO_END_OF_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CTRL_C = '\u0003';

/** A whole screen that is drawn again and again, beside what stood there before: `close` leaves the terminal as it was. */
export class Screen {
  private readonly onKeys = (keys: Buffer | string): void => {
    const text = String(keys);
    if (text.includes('q') || text.includes(CTRL_C)) this.leave();
  };
  private readonly onExit = (): void => {
    this.close();
  };
  private isOpen = false;

  constructor(
    private readonly terminal: Terminal,
    /** Called when whoever sits there wants to leave. */
    private readonly leave: () => void,
  ) {}

  open(): void {
    const { input, output } = this.terminal;
    this.isOpen = true;
    output.write(ALTERNATE);
    process.once('exit', this.onExit);
    if (input.isTTY) {
      // Keys one by one, and none of them shown; Ctrl-C comes as a key then.
      input.setRawMode(true);
      input.on('data', this.onKeys).resume();
    }
  }

  /** Lines that do not fit are cut, not wrapped. */
  draw(lines: readonly string[]): void {
    if (!this.isOpen) return;
    const { columns, rows } = this.terminal.output;
    const shown = lines
      .slice(0, rows)
      .map((line) => `${clean(line).slice(0, columns)}${CLEAR_TO_END_OF_LINE}`);
    this.terminal.output.write(`${FROM_THE_TOP}${shown.join('\r\n')}${CLEAR_BELOW}`);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { input, output } = this.terminal;
    process.off('exit', this.onExit);
    if (input.isTTY) {
      input.off('data', this.onKeys).pause();
      input.setRawMode(false);
    }
    output.write(AS_IT_WAS);
  }
}

/** Ids that clients chose must not move the cursor. */
function clean(line: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
