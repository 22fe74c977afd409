// Every golden string of every tokenizer: ids, text, text without specials, and text as it streams.
#include "tests/kernels/model/tokenizers/golden.hpp"

#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/tokenizer_json.hpp"
#include "kernels/model/utf8.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include <gtest/gtest.h>

namespace freshet::model {
namespace {

struct golden_case {
  const char* name;
  bool large;
};

std::ostream& operator<<(std::ostream& out, const golden_case& c) { return out << c.name; }

class golden_tokenizer : public ::testing::TestWithParam<golden_case> {
 protected:
  void SetUp() override {
    const bool large = GetParam().large;
    folder_ = (large ? test::large_tokenizers() : test::small_tokenizers()) / GetParam().name;
    const auto file = folder_ / (large ? "tokenizer.json.gz" : "tokenizer.json");
    if (large && !std::filesystem::exists(file)) {
      GTEST_SKIP() << file << " is not here: the large vocabularies are fixtures beside the checkout";
    }
    const std::string text = large ? test::read_gz(file) : test::read_text(file);
    auto made = make_bpe_tokenizer(text, file.string());
    ASSERT_TRUE(made.ok()) << made.err().text();
    words_ = *made;
    lines_ = test::read_golden(folder_);
    ASSERT_EQ(lines_.size(), 205U);
  }

  // The specials as the file names them, read apart from our reader.
  [[nodiscard]] std::set<std::int32_t> special_ids() const {
    const auto file = folder_ / (GetParam().large ? "tokenizer.json.gz" : "tokenizer.json");
    const auto document = nlohmann::json::parse(GetParam().large ? test::read_gz(file) : test::read_text(file));
    std::set<std::int32_t> ids;
    for (const auto& token : document["added_tokens"]) {
      if (token["special"]) ids.insert(token["id"].get<std::int32_t>());
    }
    return ids;
  }

  std::filesystem::path folder_;
  std::shared_ptr<const tokenizer> words_;
  std::vector<test::golden_line> lines_;
};

TEST_P(golden_tokenizer, ids) {
  for (const auto& line : lines_) {
    EXPECT_EQ(words_->encode_with_specials(line.text, text_frame::whole), line.ids) << line.text;
    EXPECT_EQ(words_->encode_with_specials(line.text, text_frame::bare), line.bare_ids) << line.text;
  }
}

TEST_P(golden_tokenizer, text) {
  for (const auto& line : lines_) {
    EXPECT_EQ(words_->decode(line.ids, special_text::show), line.decoded) << line.text;
    EXPECT_EQ(words_->decode(line.ids), line.decoded_without_specials) << line.text;
  }
}

TEST_P(golden_tokenizer, text_as_it_streams) {
  std::size_t prefixes = 0;
  for (const auto& line : lines_) {
    const auto whole = words_->stream(special_text::show);
    std::string said;
    for (std::size_t i = 0; i < line.prefix_decodes.size(); ++i) {
      ++prefixes;
      const std::vector<std::int32_t> front(line.ids.begin(), line.ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      EXPECT_EQ(words_->decode(front, special_text::show), line.prefix_decodes[i]) << line.text;
      said += whole->push(line.ids[i]);
      EXPECT_EQ(valid_utf8(said), said);
      // Nothing is taken back: what was said is the front of all that follows.
      for (std::size_t k = i; k < line.prefix_decodes.size(); ++k) {
        if (line.prefix_decodes[k].find("\xef\xbf\xbd") != std::string::npos) continue;
        ASSERT_EQ(line.prefix_decodes[k].substr(0, said.size()), said) << line.text;
      }
    }
    if (!line.prefix_decodes.empty()) {
      said += whole->finish();
      EXPECT_EQ(said, line.decoded);
    }
  }
  EXPECT_GT(prefixes, 100U);
}

TEST_P(golden_tokenizer, what_users_write_never_becomes_a_special_token) {
  const auto specials = special_ids();
  ASSERT_FALSE(specials.empty());
  std::size_t with_specials = 0;
  for (const auto& line : lines_) {
    const auto ids = words_->encode(line.text);
    for (const std::int32_t id : ids) EXPECT_EQ(specials.count(id), 0U) << line.text << ": " << id;
    const bool marked = std::any_of(line.bare_ids.begin(), line.bare_ids.end(),
                                    [&](std::int32_t id) { return specials.count(id) != 0; });
    with_specials += marked ? 1U : 0U;
    if (!marked) {
      EXPECT_EQ(ids, line.bare_ids) << line.text;
    }
  }
  EXPECT_GT(with_specials, 0U);
  for (const std::int32_t id : specials) {
    const std::string written = words_->decode({id}, special_text::show);
    for (const std::int32_t got : words_->encode("a" + written + " " + written)) EXPECT_EQ(specials.count(got), 0U) << written;
  }
}

INSTANTIATE_TEST_SUITE_P(all, golden_tokenizer,
                         ::testing::Values(golden_case{"tiny_qwen2", false}, golden_case{"tiny_smollm2", false},
                                           golden_case{"tiny_llama3", false}, golden_case{"tiny_llama_sp", false},
                                           golden_case{"tiny_llama_sp_metaspace", false}, golden_case{"qwen2.5", true},
                                           golden_case{"gpt2", true}, golden_case{"mistral", true},
                                           golden_case{"minimind", true}),
                         [](const auto& one) {
                           std::string name = one.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace freshet::model
