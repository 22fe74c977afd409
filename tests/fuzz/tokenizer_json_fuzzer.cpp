// tokenizer.json, tokenizer.model and tokenizer_config.json from anywhere: what is taken encodes and decodes any
// text within its own ids, and no text of a user becomes a special token.
#include <string>

#include "kernels/base/check.hpp"
#include "kernels/model/tokenizers/sentencepiece_model.hpp"
#include "kernels/model/tokenizers/tokenizer_json.hpp"
#include "kernels/model/tokenizers/tokenizer_settings.hpp"
#include "kernels/model/utf8.hpp"

namespace {

using namespace freshet;

void use(const model::tokenizer& words, const std::string& text) {
  for (const bool user : {true, false}) {
    const auto ids = user ? words.encode(text) : words.encode_with_specials(text, model::text_frame::whole);
    for (const auto id : ids) FRESHET_ENSURE(id >= 0 && id < words.vocab_size(), "an id of no token");
    const std::string back = words.decode(ids, model::special_text::show);
    FRESHET_ENSURE(model::valid_utf8(back) == back, "decoded text is not UTF-8");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto settings = model::parse_tokenizer_config(bytes, "fuzzed");
  const auto json = model::make_bpe_tokenizer(bytes, "fuzzed");
  const auto proto = model::make_sentencepiece_tokenizer(bytes, "fuzzed");
  for (const auto* made : {&json, &proto}) {
    if (!made->ok()) continue;
    use(***made, bytes.substr(0, 4096));
    use(***made, "Is the <image> safe? \xe4\xbd\xa0\xe5\xa5\xbd \xff <s>'S 1234\n\n");
  }
  if (json.ok() && settings.ok()) static_cast<void>(model::make_bpe_tokenizer(bytes, "fuzzed", *settings));
  return 0;
}
