#include "kernels/model/templated_tokenizer.hpp"

#include <utility>

namespace freshet::model {
namespace {

class templated_tokenizer final : public tokenizer {
 public:
  templated_tokenizer(std::shared_ptr<const tokenizer> words, chat_template used, prompt_frame frame)
      : words_(std::move(words)), used_(std::move(used)), frame_(std::move(frame)) {}

  std::vector<std::int32_t> encode(std::string_view text) const override { return words_->encode(text); }
  std::vector<std::int32_t> encode_with_specials(std::string_view text, text_frame frame) const override {
    return words_->encode_with_specials(text, frame);
  }
  std::vector<std::int32_t> encode_prompt(const std::vector<prompt_part>& parts, bool at_start) const override {
    return words_->encode_prompt(parts, at_start);
  }
  std::optional<std::int32_t> find_token(std::string_view content) const override { return words_->find_token(content); }
  std::unique_ptr<text_stream> stream(special_text specials) const override { return words_->stream(specials); }
  std::int32_t vocab_size() const noexcept override { return words_->vocab_size(); }
  const special_tokens& specials() const noexcept override { return words_->specials(); }

  std::vector<std::int32_t> question_ids(std::string_view question) const override {
    // An empty question stays one: what the template puts around it asks nothing.
    if (words_->encode(question).empty()) return {};
    return model::question_ids(used_, *words_, question);
  }
  std::vector<std::int32_t> answer_ids(std::string_view answer) const override {
    return model::answer_ids(used_, *words_, answer);
  }
  std::string answer_text(const std::vector<std::int32_t>& ids) const override {
    std::string text = words_->decode(ids);
    if (!used_.answer_lead.empty() && text.rfind(used_.answer_lead, 0) == 0) text.erase(0, used_.answer_lead.size());
    return text;
  }
  std::string frame_text() const override {
    std::string all;
    for (const std::string* part : {&used_.before_picture, &used_.after_picture, &used_.after_question, &used_.answer_lead,
                                    &used_.after_answer}) {
      all += *part + '\0';
    }
    return all;
  }
  std::optional<std::int32_t> answer_end() const override { return frame_.after_answer.front(); }
  std::optional<std::vector<std::int32_t>> before_picture() const override { return frame_.before_picture; }

 private:
  std::shared_ptr<const tokenizer> words_;
  chat_template used_;
  prompt_frame frame_;
};

}  // namespace

result<void> check_frame(const tokenizer& words, std::int64_t vocab_size) {
  std::vector<std::int32_t> ids = words.before_picture().value_or(std::vector<std::int32_t>());
  if (const auto end = words.answer_end()) ids.push_back(*end);
  for (const std::int32_t id : ids) {
    if (id >= 0 && id < vocab_size) continue;
    return {errc::unsupported, "the chat template has token " + std::to_string(id) + ", the model " + std::to_string(vocab_size) + " tokens"};
  }
  return {};
}

result<std::shared_ptr<const tokenizer>> with_template(std::shared_ptr<const tokenizer> words, chat_template used) {
  FRESHET_TRY_ASSIGN(prompt_frame frame, make_frame(used, *words));
  return std::shared_ptr<const tokenizer>(
      std::make_shared<templated_tokenizer>(std::move(words), std::move(used), std::move(frame)));
}

result<asking_tokenizer> load_asking_tokenizer(const std::filesystem::path& folder, std::string_view template_name) {
  const auto in_folder = [&folder](const error& e) { return error{e.code, folder.string() + ": " + e.context}; };
  FRESHET_TRY_ASSIGN(auto words, load_tokenizer(folder));
  chosen_template chosen;
  if (template_name == choose_template) {
    FRESHET_TRY_ASSIGN(chosen, choose_chat_template(folder));
  } else {
    auto found = find_chat_template(template_name);
    if (!found) return in_folder(found.err());
    chosen = {std::move(found).value(), "named in the configuration"};
  }
  asking_tokenizer out{std::move(words), chosen.used.name, std::move(chosen.why)};
  if (out.template_name == "plain") return out;
  auto asking = with_template(out.words, std::move(chosen.used));
  if (!asking) return in_folder(asking.err());
  out.words = std::move(asking).value();
  return out;
}

result<std::string> frame_text_of(const std::filesystem::path& folder, std::string_view template_name) {
  const auto asking = load_asking_tokenizer(folder, template_name);
  if (asking.ok()) return asking->words->frame_text();
  if (asking.err().code == errc::not_found) return std::string();
  return asking.err();
}

}  // namespace freshet::model
