/** A tensor that an architecture needs; `because` names the config fields its shape follows from. */
export interface NeededTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly because: string;
}

/** A tensor that the config rules out, with the fields that do. */
export interface UnexpectedTensor {
  readonly name: string;
  readonly because: string;
}

/** Every tensor that a config promises, in the order of the forward pass, and those it rules out. */
export class TensorList {
  readonly needed: NeededTensor[] = [];
  readonly unexpected: UnexpectedTensor[] = [];

  add(name: string, shape: readonly number[], because: string): void {
    this.needed.push({ name, shape, because });
  }

  /** `name.weight [rows, columns]`, and `name.bias [rows]` where `bias` is not what denies it. */
  linear(name: string, rows: number, columns: number, because: string, bias: true | string): void {
    this.add(`${name}.weight`, [rows, columns], because);
    if (bias === true) this.add(`${name}.bias`, [rows], because);
    else this.refuse(`${name}.bias`, bias);
  }

  /** `name.weight [width]`, and `name.bias [width]` for a LayerNorm that has one. */
  norm(name: string, width: number, because: string, bias = false): void {
    this.add(`${name}.weight`, [width], because);
    if (bias) this.add(`${name}.bias`, [width], because);
  }

  refuse(name: string, because: string): void {
    this.unexpected.push({ name, because });
  }
}
