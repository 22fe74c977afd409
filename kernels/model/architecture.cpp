#include "kernels/model/architecture.hpp"

#include "kernels/base/check.hpp"

namespace freshet::model {

// Each is defined in architectures/.
const architecture& llava_architecture();
const architecture& idefics3_architecture();
const architecture& smolvlm_architecture();
const architecture& qwen2_vl_architecture();
const architecture& llama_architecture();
const architecture& qwen2_architecture();

const std::vector<const architecture*>& architectures() {
  static const std::vector<const architecture*> all{
      &llava_architecture(),    &idefics3_architecture(), &smolvlm_architecture(),
      &qwen2_vl_architecture(), &llama_architecture(),    &qwen2_architecture()};
  return all;
}

const architecture* find_architecture(std::string_view model_type) {
  for (const architecture* a : architectures()) {
    if (a->model_type == model_type) return a;
  }
  return nullptr;
}

const architecture& architecture_of(const model_config& config) {
  std::string_view type = config.architecture;
  if (type.empty()) type = config.vision ? "llava" : config.text.kind == text_kind::llama ? "llama" : "qwen2";
  const architecture* found = find_architecture(type);
  FRESHET_ENSURE(found != nullptr, "architecture_of: no architecture " + std::string(type));
  return *found;
}

std::string known_architectures() {
  std::string out;
  for (const architecture* a : architectures()) out += (out.empty() ? "" : ", ") + std::string(a->model_type);
  return out;
}

}  // namespace freshet::model
