// The texts of a model folder: config.json, the words' file and preprocessor_config.json.
#include <string>
#include <vector>

#include "kernels/base/check.hpp"
#include "kernels/model/image_processor.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/word_tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace freshet;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = model::parse_model_config(text, "fuzzed");
  if (config.ok()) {
    static_cast<void>(model::check_model_config(*config, "fuzzed"));
    const auto again = model::parse_model_config(model::to_json(*config), "written");
    FRESHET_ENSURE(again.ok() && *again == *config, "a configuration that does not survive writing");
  }
  const auto pictures = model::parse_image_processor(text, "fuzzed");
  // Those that ask for much would only take long.
  if (pictures.ok() && pictures->height * pictures->width <= 4096 && pictures->shortest_edge <= 64 &&
      pictures->longest_edge <= 64 && pictures->max_side <= 64 && pictures->min_pixels <= 4096 &&
      pictures->crop_height * pictures->crop_width <= 4096) {
    static_cast<void>(model::process_picture(*pictures, {5, 3, std::vector<std::uint8_t>(45, 7)}));
  }
  const auto words = model::word_tokenizer::parse(text, "fuzzed");
  if (!words.ok()) return 0;
  const auto ids = (*words)->encode(text);
  for (const auto id : ids) FRESHET_ENSURE(id >= 0 && id < (*words)->vocab_size(), "an id of no word");
  static_cast<void>((*words)->decode(ids));
  return 0;
}
