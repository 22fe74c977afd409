// Decoders alone, for students that read text only: Llama and Qwen2.
#include "kernels/model/architecture.hpp"
#include "kernels/model/config_text.hpp"

namespace freshet::model {

const architecture& llama_architecture();
const architecture& qwen2_architecture();

namespace {

template <text_kind kind>
void read(const section& top, model_config& out, readable_sections& readable) {
  out.text = read_text(top, top, kind);
  readable.text = top.problems().size() == 0;
}

void write(const model_config& config, nlohmann::json& root) { put_text(root, config.text); }

// The empty one: the bare model without its head, as LlamaModel and Qwen2Model save it.
const std::vector<part_spelling> spellings{{decoder_part, {"model.", "", "language_model.model."}, "model."},
                                           {head_part, {"lm_head.", "model.lm_head.", "language_model.lm_head."}, "lm_head."}};

}  // namespace

const architecture& llama_architecture() {
  static const architecture it{"llama", "LlamaForCausalLM", read<text_kind::llama>, write, spellings};
  return it;
}

const architecture& qwen2_architecture() {
  static const architecture it{"qwen2", "Qwen2ForCausalLM", read<text_kind::qwen2>, write, spellings};
  return it;
}

}  // namespace freshet::model
