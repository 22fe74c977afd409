#include "kernels/model/tokenizer.hpp"

#include "kernels/base/check.hpp"
#include "kernels/model/tokenizers/sentencepiece_model.hpp"
#include "kernels/model/tokenizers/tokenizer_json.hpp"
#include "kernels/model/tokenizers/tokenizer_settings.hpp"
#include "kernels/model/whole_file.hpp"
#include "kernels/model/word_tokenizer.hpp"

namespace freshet::model {
namespace {

constexpr std::size_t most_json_bytes = std::size_t{64} << 20;

}  // namespace

std::string tokenizer::decode(const std::vector<std::int32_t>& ids, special_text specials) const {
  const auto text = stream(specials);
  std::string out;
  for (const std::int32_t id : ids) out += text->push(id);
  return out + text->finish();
}

std::vector<std::int32_t> tokenizer::answer_ids(std::string_view answer) const {
  FRESHET_ENSURE(specials().eos.has_value(), "answer_ids: the tokenizer has no end token");
  std::vector<std::int32_t> ids = encode(answer);
  ids.push_back(*specials().eos);
  return ids;
}

result<std::shared_ptr<const tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto has = [&](const char* name) { return std::filesystem::exists(folder / name, ignored); };
  if (has(word_tokenizer::file_name)) {
    FRESHET_TRY_ASSIGN(const std::shared_ptr<const word_tokenizer> words, word_tokenizer::load(folder));
    return std::shared_ptr<const tokenizer>(words);
  }
  if (has("tokenizer.json")) {
    const auto path = folder / "tokenizer.json";
    FRESHET_TRY_ASSIGN(const tokenizer_settings settings, load_tokenizer_settings(folder));
    FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_json_bytes));
    return make_bpe_tokenizer(text, path.string(), settings);
  }
  if (has("tokenizer.model")) {
    const auto path = folder / "tokenizer.model";
    FRESHET_TRY_ASSIGN(const tokenizer_settings settings, load_tokenizer_settings(folder));
    FRESHET_TRY_ASSIGN(const std::string bytes, read_whole_file(path, most_sentencepiece_bytes));
    return make_sentencepiece_tokenizer(bytes, path.string(), settings);
  }
  if (has("vocab.json")) {
    return error{errc::unsupported, (folder / "vocab.json").string() + ": not built in without a tokenizer.json beside it"};
  }
  return error{errc::not_found, (folder / word_tokenizer::file_name).string() + ", tokenizer.json or tokenizer.model"};
}

}  // namespace freshet::model
