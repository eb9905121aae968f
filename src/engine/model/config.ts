/**
 * What a `config.json` says of any model, in our own words. The fields of one architecture are read in
 * its file under `architectures`. A field that Longsight would have to guess about is a Problem that
 * names it.
 */

/** Names are Hugging Face's in camel case. */
export interface ModelConfig {
  readonly modelType: string;
  /** The class that the config names, such as `LlamaForCausalLM`. */
  readonly architecture: string;
  /** Whether that class has a head over the vocabulary; undefined where no class is named. */
  readonly languageHead: boolean | undefined;
  readonly vocabSize: number;
  /** `M` */
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  /** `H` */
  readonly numAttentionHeads: number;
  /** `G`, which divides `H`; fewer means grouped-query attention. */
  readonly numKeyValueHeads: number;
  /** `D` */
  readonly headDim: number;
  /** Tokens of the longest document that the model was made for. */
  readonly maxPositionEmbeddings: number;
  readonly tieWordEmbeddings: boolean;
  /** Where the checkpoint says it came from; undefined when it says nothing. */
  readonly nameOrPath: string | undefined;
}
