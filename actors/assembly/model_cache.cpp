#include "actors/assembly/model_cache.hpp"

#include "actors/line_layout.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::actors {

result<loaded_model> model_cache::load(const std::string& folder, const std::string& chat_template) {
  const std::lock_guard lock(mutex_);
  const auto found = models_.find({folder, chat_template});
  if (found != models_.end()) return found->second;
  FRESHET_TRY_ASSIGN(model::multimodal net, model::multimodal::load(folder));
  FRESHET_TRY_ASSIGN(auto asking, model::load_asking_tokenizer(folder, chat_template));
  FRESHET_TRY(net.take_frame(*asking.words));
  loaded_model loaded{std::make_shared<const model::multimodal>(std::move(net)), std::move(asking.words)};
  models_.emplace(std::make_pair(folder, chat_template), loaded);
  return loaded;
}

result<student_line> model_cache::student(const std::string& folder, const std::string& chat_template,
                                          const model::lora_spec& lora) {
  FRESHET_TRY_ASSIGN(const loaded_model base, load(folder, chat_template));
  model::multimodal net = base.net->on_the_same_base();
  FRESHET_TRY(net.attach(lora));
  student_line out;
  out.line = model::line_of(net, lora, base.words->frame_text());
  if (!lora.train_vision) out.encoder = model::encoder_hash(net);
  out.parts = layout_of(model::trainable_set::of(net.weights()));
  out.base = {std::make_shared<const model::multimodal>(std::move(net)), base.words};
  return out;
}

}  // namespace freshet::actors
