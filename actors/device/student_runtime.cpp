#include "actors/device/student_runtime.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "actors/line_layout.hpp"
#include "kernels/base/check.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/image_processor.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/scenes/skip_counter.hpp"

namespace freshet::actors {
namespace {

constexpr std::size_t most_question_bytes = 4096;  // what the cloud's intake takes

result<void> check_model(const model::model_config& c, const model::tokenizer& words, const std::string& folder) {
  const auto bad = [&](const std::string& what) { return error{errc::unsupported, folder + ": " + what}; };
  if (c.vision) {
    const model::vision_config& v = *c.vision;
    if (v.num_channels != 3) return bad(std::to_string(v.num_channels) + " channels; pictures have 3");
    if (c.image_tokens() != v.cells()) {
      return bad(std::to_string(c.image_tokens()) + " visual tokens for " + std::to_string(v.cells()) +
                 " cells of a picture; one each is needed (vision_feature_select_strategy \"default\" leaves the class token out)");
    }
  }
  if (words.vocab_size() > c.text.vocab_size) {
    return bad("the tokenizer has " + std::to_string(words.vocab_size()) + " tokens, the model " +
               std::to_string(c.text.vocab_size));
  }
  return {};
}

std::size_t bucket_of(std::size_t n) {
  std::size_t bucket = 1;
  while (bucket < n) bucket *= 2;
  return bucket;
}

bool all_finite(const host_tensor& values) {
  const float* at = values.as<float>();
  return std::all_of(at, at + values.items(), [](float x) { return std::isfinite(x); });
}

}  // namespace

struct student_runtime::parts {
  parts(model::multimodal m, std::shared_ptr<const model::tokenizer> w, student_options o)
      : net(std::move(m)),
        words(std::move(w)),
        options(std::move(o)),
        trained(model::trainable_set::of(net.weights())) {}

  model::multimodal net;
  std::shared_ptr<const model::tokenizer> words;
  std::optional<model::image_processor_config> pictures;   ///< of models that bring one
  student_options options;
  model::trainable_set trained;   ///< handles into net
  delta::layout layout;
  content_hash line;
  content_hash encoder;
  host_tensor base;
  host_tensor current;
  bool at_base = true;
};

student_runtime::student_runtime(std::unique_ptr<parts> p) : parts_(std::move(p)) {}
student_runtime::student_runtime(student_runtime&&) noexcept = default;
student_runtime& student_runtime::operator=(student_runtime&&) noexcept = default;
student_runtime::~student_runtime() = default;

result<student_runtime> student_runtime::load(const student_options& options) {
  if (options.max_new_tokens < 1) {
    return error{errc::config, "max_new_tokens " + std::to_string(options.max_new_tokens) + ", wants at least 1"};
  }
  FRESHET_TRY_ASSIGN(model::multimodal net, model::multimodal::load(options.model));
  FRESHET_TRY_ASSIGN(auto asking, model::load_asking_tokenizer(options.model, options.chat_template));
  auto words = std::move(asking.words);
  FRESHET_TRY(check_model(net.config(), *words, options.model.string()));
  FRESHET_TRY(net.take_frame(*words));
  FRESHET_TRY(net.attach(options.lora));
  std::optional<model::image_processor_config> pictures;
  std::error_code ignored;
  if (net.config().vision && std::filesystem::exists(options.model / "preprocessor_config.json", ignored)) {
    FRESHET_TRY_ASSIGN(pictures, model::load_image_processor(options.model));
    // Sizes that do not go together would refuse every picture, and look like bad cameras.
    const auto tried = model::square_picture(*pictures, {8, 12, std::vector<std::uint8_t>(8 * 12 * 3)}, net.config().vision->image_size);
    if (!tried) return error{tried.err().code, options.model.string() + ": " + tried.err().context};
  }
  auto p = std::make_unique<parts>(std::move(net), std::move(words), options);
  p->pictures = std::move(pictures);
  p->layout = layout_of(p->trained);
  p->line = model::line_of(p->net, options.lora, p->words->frame_text());
  if (!options.lora.train_vision) p->encoder = model::encoder_hash(p->net);
  p->base = p->trained.read();
  p->current = p->base;
  return student_runtime(std::move(p));
}

content_hash student_runtime::line() const { return parts_->line; }
content_hash student_runtime::encoder() const { return parts_->encoder; }
const delta::layout& student_runtime::layout() const { return parts_->layout; }
const host_tensor& student_runtime::base_values() const { return parts_->base; }
const host_tensor& student_runtime::values() const { return parts_->current; }
bool student_runtime::at_base() const { return parts_->at_base; }

result<void> student_runtime::write(const host_tensor& values) {
  FRESHET_TRY(parts_->trained.write(values));
  parts_->current = values;
  parts_->at_base = delta::hash_values(values.as<float>(), values.items()) ==
                    delta::hash_values(parts_->base.as<float>(), parts_->base.items());
  return {};
}

result<void> student_runtime::self_test() const {
  if (!all_finite(parts_->current)) return {errc::corrupt, "self-test: values are not all finite"};
  scenes::image picture;
  if (const auto& vision = parts_->net.config().vision) {
    const auto side = static_cast<int>(vision->image_size);
    picture = scenes::image(side, side);
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = static_cast<std::uint8_t>(i * 37 % 251);
  }
  FRESHET_TRY_ASSIGN(const prepared_question asked, prepare(picture, "what is this ?"));
  wanted_extras wanted;
  wanted.relevance = false;
  const answered_batch got = answer({asked}, wanted);
  if (!got.features.empty() && !all_finite(got.features)) return {errc::corrupt, "self-test: visual tokens are not all finite"};
  if (!all_finite(got.logits)) return {errc::corrupt, "self-test: logits are not all finite"};
  return {};
}

result<prepared_question> student_runtime::prepare(const scenes::image& picture, std::string_view question) const {
  using scenes::skip_error;
  using scenes::skip_kind;
  const model::model_config& c = parts_->net.config();
  if (c.vision && picture.empty()) {
    return skip_error(skip_kind::no_picture, errc::invalid_argument, "a question without a picture, and the student looks at pictures");
  }
  if (!c.vision && !picture.empty()) {
    return skip_error(skip_kind::unread_picture, errc::invalid_argument, "a picture, and the student reads text only");
  }
  if (question.size() > most_question_bytes) {
    return skip_error(skip_kind::oversized, errc::too_large,
                      "a question of " + std::to_string(question.size()) + " bytes; the limit is " +
                          std::to_string(most_question_bytes));
  }
  prepared_question out;
  out.prompt = parts_->words->question_ids(question);
  if (out.prompt.empty()) return skip_error(skip_kind::empty_question, errc::invalid_argument, "nothing is asked");
  const std::int64_t reads =
      static_cast<std::int64_t>(parts_->net.prefix().size() + out.prompt.size()) + c.image_tokens();
  if (reads + parts_->options.max_new_tokens > c.text.max_position_embeddings) {
    return skip_error(skip_kind::oversized, errc::too_large,
                      "a question of " + std::to_string(out.prompt.size()) + " tokens; the model reads " +
                          std::to_string(c.text.max_position_embeddings) + (c.vision ? " with picture and answer" : " with the answer"));
  }
  if (!c.vision) return out;
  const auto side = static_cast<int>(c.vision->image_size);
  if (parts_->pictures) {
    const auto square = model::square_picture(*parts_->pictures, {picture.height, picture.width, picture.rgb}, side);
    if (!square) return skip_error(skip_kind::broken_image, square.err().code, square.err().context);
    out.patches = model::cut_patches(square->rgb.data(), side, c.vision->cell_size());
    return out;
  }
  const bool fits = picture.width == side && picture.height == side;
  const scenes::image sized = fits ? scenes::image() : scenes::resize(picture, side, side);
  out.patches = model::cut_patches((fits ? picture : sized).rgb.data(), side, c.vision->cell_size());
  return out;
}

answered_batch student_runtime::answer(const std::vector<prepared_question>& asked, const wanted_extras& wanted) const {
  FRESHET_ENSURE(!asked.empty(), "answer: nothing is asked");
  const at::NoGradGuard no_grad;
  const auto& vision = parts_->net.config().vision;
  const auto n = static_cast<std::int64_t>(asked.size());
  // Few batch sizes, so that LibTorch meets few shapes; the last question is repeated.
  const auto rows = static_cast<std::int64_t>(bucket_of(asked.size()));
  const std::int64_t cells = vision ? vision->cells() : 0;
  const std::int64_t patch_values = vision ? vision->cell_values() : 0;
  at::Tensor bytes = at::empty({rows, cells, patch_values}, at::kByte);
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::int64_t row = 0; row < rows; ++row) {
    const prepared_question& q = asked[static_cast<std::size_t>(std::min(row, n - 1))];
    FRESHET_ENSURE(static_cast<std::int64_t>(q.patches.size()) == cells * patch_values,
                   "answer: a question that was prepared for another model");
    std::copy(q.patches.begin(), q.patches.end(), bytes.data_ptr<std::uint8_t>() + row * cells * patch_values);
    prompts.push_back(q.prompt);
  }
  at::Tensor tokens = parts_->net.no_picture(rows);
  at::Tensor encoded;
  if (vision) {
    model::visual_input visual;
    visual.patches = model::normalise_patches(bytes, vision->pixels);
    encoded = parts_->net.cell_features(visual);
    tokens = parts_->net.tokens_of(encoded);
  }
  model::generation_options generation;
  generation.max_new_tokens = parts_->options.max_new_tokens;
  generation.want_relevance = wanted.relevance && vision;
  const model::generated made = model::generate(parts_->net, tokens, {}, prompts, generation);

  answered_batch out;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    out.answers.push_back(parts_->words->answer_text(made.tokens[i]));
    out.lengths.push_back(static_cast<std::uint32_t>(made.tokens[i].size()));
  }
  const auto kept = [&](const at::Tensor& all) { return model::to_host(all.narrow(0, 0, n)); };
  if (wanted.logits) out.logits = kept(made.logits);
  if (!vision) return out;
  if (wanted.patches) out.patches = kept(bytes);
  if (wanted.features) out.features = kept(tokens);
  if (wanted.encoded) out.encoded = kept(encoded);
  if (wanted.relevance) out.relevance = kept(made.relevance);
  return out;
}

std::string student_runtime::spelled(std::string_view answer) const {
  return parts_->words->decode(parts_->words->encode(answer));
}

student_runtime student_runtime::frozen_copy() const {
  auto p = std::make_unique<parts>(parts_->net.on_the_same_base(), parts_->words, parts_->options);
  p->pictures = parts_->pictures;
  p->layout = parts_->layout;
  p->line = parts_->line;
  p->encoder = parts_->encoder;
  p->base = parts_->base;
  student_runtime copy(std::move(p));
  const auto written = copy.write(parts_->base);
  FRESHET_ENSURE(written.ok(), "base values fit their own model");
  return copy;
}

}  // namespace freshet::actors
