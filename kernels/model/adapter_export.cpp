#include "kernels/model/adapter_export.hpp"

#include <string>

#include "kernels/base/hex.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::model {
result<exported_adapter> export_adapter(const std::filesystem::path& base, const lora_spec& spec, content_hash line,
                                        const host_tensor& values, const std::filesystem::path& to, library_names names,
                                        const std::string& chat_template) {
  FRESHET_TRY_ASSIGN(multimodal net, multimodal::load(base));
  FRESHET_TRY(net.attach(spec));
  FRESHET_TRY_ASSIGN(const std::string frame, frame_text_of(base, chat_template));
  if (const content_hash own = line_of(net, spec, frame); own != line) {
    return error{errc::wrong_base, base.string() + " with these adapters is the line " + hex_of(own) +
                                       ", what was learned belongs to " + hex_of(line) +
                                       "; the folder, rank, alpha, targets, seed, chat template and whether the vision tower learns must be the distiller's"};
  }
  FRESHET_TRY(trainable_set::of(net.weights()).write(values));
  const lora_adapter adapter = adapter_of(net.config(), net.weights(), spec, base.string());
  FRESHET_TRY(save_peft(to, adapter, net.config(), names));
  return exported_adapter{adapter.matrices.size() / 2, adapter.norms_and_biases.size()};
}

}  // namespace freshet::model
