#include "config/schema/strategies.hpp"

namespace freshet::config {

std::vector<choice> gate_choices() {
  return {
      {"stratified", "spread over scores and feature space, leaning to the uncertain and the new; holds the budget"},
      {"learned", "the same spread over the value that a small regression from the cloud expects; holds the budget"},
      {"budget", "the most uncertain of the recent stream, as many as the budget affords (online quantile)"},
      {"threshold", "first score above a constant, as published (arXiv 2312.16279)"},
      {"random", "a uniform share of the stream, as much as the budget affords: a control"},
      {"all", "every sample: the upper bound"},
      {"none", "nothing but probes: devices on their own"},
  };
}

std::vector<choice> sample_score_choices() {
  return {
      {"min_entropy", "minus log of the answer's top probability, mean over its positions"},
      {"relative_mahalanobis", "distance of the pooled visual tokens from source data, minus that from the background"},
      {"mahalanobis", "distance of the pooled visual tokens from source data"},
      {"entropy", "Shannon entropy, mean over positions"},
      {"margin", "one minus the gap between the two top probabilities, mean over positions"},
      {"gen", "generalised entropy of the top words, mean over positions"},
      {"confidence_product", "minus log of the product of top probabilities at T = 0.1, as published"},
      {"confidence_mean", "the same for each generated position, so that long answers do not count more"},
      {"random", "a uniform draw: a control"},
      {"all", "a constant: a control"},
  };
}

std::vector<choice> token_score_choices() {
  return {
      {"relevance", "attention of the answer on the token"},
      {"feature_energy", "expected variance under dropout in closed form"},
      {"mc_dropout", "variance over dropout draws, as published (arXiv 2312.16279)"},
      {"mahalanobis", "distance of the token from source data"},
      {"relative_mahalanobis", "the same minus the distance from the background"},
      {"patch_detail", "variance of the patch's pixels"},
      {"centre", "closeness to the centre of the picture"},
      {"random", "uniform draws: a control"},
  };
}

std::vector<choice> chat_template_choices() {
  return {
      {"auto", "what the model's folder says, or what goes with its architecture; else plain"},
      {"plain", "nothing around the question"},
      {"llava-1.5", "USER: picture, question ASSISTANT:"},
      {"vicuna", "the same by its other name"},
      {"llava-interleave", "ChatML as LLaVA-Interleave writes it"},
      {"chatml", "<|im_start|> and <|im_end|>"},
      {"qwen2-vl", "ChatML with Qwen2-VL's marks around the picture"},
      {"smolvlm", "User: and Assistant: with <end_of_utterance>"},
      {"idefics3", "the same behind <|begin_of_text|>"},
      {"llama-2", "[INST] and [/INST]"},
      {"llama-3", "<|start_header_id|> and <|eot_id|>"},
  };
}

std::vector<choice> codec_choices() {
  return {
      {"dwc", "format and bits for each tensor by benefit per byte, under the byte budget"},
      {"none", "the whole adapter as fp16"},
      {"dense8", "the whole adapter in groups of 8 bit"},
      {"dense4", "the whole adapter in groups of 4 bit"},
      {"dense2", "the whole adapter in groups of 2 bit"},
      {"ams", "the largest 5 % of all values as fp16 under a bit mask (arXiv 2006.06628)"},
      {"topk", "the largest 5 % of all values in 4 bit at Rice-coded positions"},
      {"bitdelta", "the sign of each value and one scale for each tensor (arXiv 2402.10193)"},
  };
}

std::vector<choice> importance_choices() {
  return {
      {"fisher", "squared change weighted by a running diagonal Fisher estimate"},
      {"magnitude", "squared change alone"},
  };
}

std::vector<choice> anchor_choices() {
  return {
      {"none", "nothing holds the student back"},
      {"l2sp", "pull towards the weights of the base model"},
      {"ema", "pull towards a slow moving average of its own weights"},
  };
}

}  // namespace freshet::config
