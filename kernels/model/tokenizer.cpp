#include "kernels/model/tokenizer.hpp"

#include "kernels/model/word_tokenizer.hpp"

namespace freshet::model {

result<std::shared_ptr<const tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / word_tokenizer::file_name, ignored)) {
    FRESHET_TRY_ASSIGN(const std::shared_ptr<const word_tokenizer> words, word_tokenizer::load(folder));
    return std::shared_ptr<const tokenizer>(words);
  }
  for (const char* foreign : {"tokenizer.json", "tokenizer.model", "vocab.json"}) {
    if (!std::filesystem::exists(folder / foreign, ignored)) continue;
    return error{errc::unsupported, (folder / foreign).string() +
                                        ": Hugging Face and SentencePiece tokenizers are not " +
                                        "built in; a folder with " + std::string(word_tokenizer::file_name) + " is"};
  }
  return error{errc::not_found, (folder / word_tokenizer::file_name).string()};
}

}  // namespace freshet::model
