// What a tokenizer.json may say and what is refused, by name; added tokens with their flags; merges against a
// plain statement of them.
#include "tests/kernels/model/tokenizers/golden.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/byte_pairs.hpp"
#include "kernels/model/tokenizers/tokenizer_json.hpp"
#include "kernels/model/tokenizers/tokenizer_settings.hpp"
#include "kernels/model/tokenizers/unicode.hpp"

#include <functional>
#include <limits>
#include <map>

#include <gtest/gtest.h>

namespace freshet::model {
namespace {

using nlohmann::json;

json read_small(const char* name) {
  return json::parse(test::read_text(test::small_tokenizers() / name / "tokenizer.json"));
}

std::shared_ptr<const tokenizer> made(const json& document) {
  auto words = make_bpe_tokenizer(document.dump(), "made.json");
  EXPECT_TRUE(words.ok()) << (words.ok() ? "" : words.err().text());
  return words.ok() ? *words : nullptr;
}

TEST(tokenizer_json, refuses_by_name) {
  const struct {
    const char* what;
    std::function<void(json&)> change;
    errc code;
    std::vector<const char*> says;
  } cases[] = {
      {"no object", [](json& d) { d = 3; }, errc::corrupt, {"made.json", "object"}},
      {"another model", [](json& d) { d["model"]["type"] = "Unigram"; }, errc::unsupported, {"model.type", "Unigram", "BPE"}},
      {"no model", [](json& d) { d.erase("model"); }, errc::corrupt, {"model"}},
      {"dropout", [](json& d) { d["model"]["dropout"] = 0.1; }, errc::unsupported, {"model.dropout", "0.1"}},
      {"affix", [](json& d) { d["model"]["end_of_word_suffix"] = "</w>"; }, errc::unsupported, {"end_of_word_suffix", "</w>"}},
      {"a new key", [](json& d) { d["post_tokenizer"] = json::object(); }, errc::unsupported, {"post_tokenizer"}},
      {"a new model key", [](json& d) { d["model"]["magic"] = 1; }, errc::unsupported, {"model.\"magic\" = 1"}},
      {"normalizer", [](json& d) { d["normalizer"] = {{"type", "Lowercase"}}; }, errc::unsupported, {"normalizer.type", "Lowercase", "NFC"}},
      {"regex", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+"; }, errc::unsupported, {"pre_tokenizer.pretokenizers[0].pattern.Regex", "\\w+", "GPT-2"}},
      {"behaviour", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }, errc::unsupported, {"behavior", "Removed", "Isolated"}},
      {"pre-tokenizer", [](json& d) { d["pre_tokenizer"] = {{"type", "Whitespace"}}; }, errc::unsupported, {"pre_tokenizer.type", "Whitespace"}},
      {"post-processor", [](json& d) { d["post_processor"] = {{"type", "BertProcessing"}}; }, errc::unsupported, {"post_processor.type", "BertProcessing"}},
      {"decoder", [](json& d) { d["decoder"] = {{"type", "WordPiece"}}; }, errc::unsupported, {"decoder.type", "WordPiece"}},
      {"no decoder", [](json& d) { d["decoder"] = nullptr; }, errc::unsupported, {"decoder"}},
      {"mixed kinds", [](json& d) { d["decoder"] = {{"type", "Fuse"}}; }, errc::unsupported, {"decoder", "ByteLevel"}},
      {"fallback", [](json& d) { d["model"]["byte_fallback"] = true; }, errc::unsupported, {"byte_fallback"}},
      {"id twice", [](json& d) { d["model"]["vocab"]["!"] = 1; }, errc::corrupt, {"model.vocab", "id"}},
      {"id negative", [](json& d) { d["model"]["vocab"]["!"] = -1; }, errc::corrupt, {"model.vocab.\"!\" = -1"}},
      {"id far away", [](json& d) { d["model"]["vocab"]["!"] = 3'999'999; }, errc::corrupt, {"model.vocab.\"!\" = 3999999"}},
      {"id no number", [](json& d) { d["model"]["vocab"]["!"] = "0"; }, errc::corrupt, {"model.vocab.\"!\""}},
      {"long token", [](json& d) { d["model"]["vocab"][std::string(5000, 'x')] = 2000; }, errc::too_large, {"model.vocab", "5000 bytes", "4096"}},
      {"merge of one", [](json& d) { d["model"]["merges"][5] = "one"; }, errc::corrupt, {"model.merges[5]", "one"}},
      {"merge of three", [](json& d) { d["model"]["merges"][5] = "a b c"; }, errc::corrupt, {"model.merges[5]"}},
      {"merge of strangers", [](json& d) { d["model"]["merges"][5] = "q Q"; }, errc::corrupt, {"model.merges[5]", "\"qQ\" must be in model.vocab"}},
      {"unknown token", [](json& d) { d["model"]["unk_token"] = "<what>"; }, errc::corrupt, {"model.unk_token", "<what>"}},
      {"added without id", [](json& d) { d["added_tokens"][0].erase("id"); }, errc::corrupt, {"added_tokens[0].id"}},
      {"added at a taken id", [](json& d) { d["added_tokens"][0]["id"] = 5; }, errc::corrupt, {"added_tokens[0].id = 5"}},
      {"added twice", [](json& d) { d["added_tokens"][1]["content"] = "<|endoftext|>"; }, errc::corrupt, {"added_tokens[1]", "twice"}},
      {"added and empty", [](json& d) { d["added_tokens"][0]["content"] = ""; }, errc::corrupt, {"added_tokens[0].content"}},
      {"added with a new key", [](json& d) { d["added_tokens"][0]["colour"] = 1; }, errc::unsupported, {"colour"}},
      {"a letter as special", [](json& d) { d["added_tokens"][0]["content"] = "!"; d["added_tokens"][0]["id"] = 0; }, errc::unsupported, {"added_tokens[0].special", "letter"}},
      {"template without text", [](json& d) { d["post_processor"] = {{"type", "TemplateProcessing"}, {"single", json::array()}}; }, errc::corrupt, {"post_processor.single"}},
      {"template of no token", [](json& d) { d["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}}, {"special_tokens", {{"<s>", {{"ids", {90000}}}}}}}; }, errc::corrupt, {"post_processor = 90000"}},
  };
  for (const auto& c : cases) {
    json document = read_small("tiny_qwen2");
    c.change(document);
    const auto got = make_bpe_tokenizer(document.dump(), "made.json");
    ASSERT_FALSE(got.ok()) << c.what;
    EXPECT_EQ(got.err().code, c.code) << c.what << ": " << got.err().text();
    EXPECT_EQ(got.err().context.rfind("made.json", 0), 0U) << got.err().text();
    for (const char* part : c.says) EXPECT_NE(got.err().text().find(part), std::string::npos) << c.what << ": " << got.err().text();
  }
}

TEST(tokenizer_json, a_byte_that_fallback_needs_is_missed) {
  json document = read_small("tiny_llama_sp");
  document["model"]["vocab"].erase("<0x41>");
  const auto got = make_bpe_tokenizer(document.dump(), "made.json");
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.err().text().find("<0x41> is missing"), std::string::npos) << got.err().text();
}

TEST(tokenizer_json, text_cut_anywhere_is_refused) {
  const std::string text = test::read_text(test::small_tokenizers() / "tiny_llama_sp" / "tokenizer.json");
  for (std::size_t bytes = 0; bytes + 1 < text.size(); bytes += 97) {
    EXPECT_FALSE(make_bpe_tokenizer(std::string_view(text).substr(0, bytes), "cut").ok()) << bytes;
  }
}

// Of the library itself (0.23.2), for tokens with flags that the golden files have none of.
TEST(tokenizer_json, added_tokens_keep_to_their_flags) {
  json document = read_small("tiny_llama_sp");
  for (auto& token : document["added_tokens"]) {
    if (token["content"] == "<image>") token["lstrip"] = token["rstrip"] = true;
    if (token["content"] == "<pad>") token["single_word"] = true;
  }
  document["added_tokens"].push_back({{"id", 1008}, {"content", "the cat"}, {"single_word", true}, {"lstrip", false}, {"rstrip", false}, {"normalized", true}, {"special", false}});
  const auto words = made(document);
  ASSERT_NE(words, nullptr);
  const auto ids = [&](const char* text) { return words->encode_with_specials(text, text_frame::bare); };
  using list = std::vector<std::int32_t>;
  EXPECT_EQ(ids("a \n<image>  b"), (list{261, 1006, 283}));
  EXPECT_EQ(ids("a<pad>b"), words->encode("a<pad>b"));
  EXPECT_EQ(ids("a <pad> b"), (list{261, 990, 1007, 990, 283}));
  EXPECT_EQ(ids("the cat"), (list{1008}));
  EXPECT_EQ(ids("the cats"), words->encode("the cats"));
  EXPECT_EQ(words->decode({1, 1008, 2}, special_text::show), "<s> the cat</s>");
}

TEST(tokenizer_json, further_tokens_and_names_come_from_tokenizer_config) {
  const auto settings = parse_tokenizer_config(
      R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": "<pad>", "add_bos_token": true,
          "added_tokens_decoder": {"1": {"content": "<s>", "special": true}, "1010": {"content": "<loc>", "special": true}}})",
      "tokenizer_config.json");
  ASSERT_TRUE(settings.ok()) << settings.err().text();
  const auto words = make_bpe_tokenizer(read_small("tiny_llama_sp").dump(), "made.json", *settings);
  ASSERT_TRUE(words.ok()) << words.err().text();
  EXPECT_EQ((*words)->specials().bos, 1);
  EXPECT_EQ((*words)->specials().eos, 2);
  EXPECT_EQ((*words)->specials().pad, 1007);
  EXPECT_EQ((*words)->specials().image, 1006);
  EXPECT_EQ((*words)->find_token("<loc>"), 1010);
  EXPECT_EQ((*words)->encode_with_specials("<loc>", text_frame::bare), (std::vector<std::int32_t>{1010}));
  EXPECT_EQ((*words)->vocab_size(), 1011);
  EXPECT_EQ((*words)->decode({1009}), "\xef\xbf\xbd");
  for (const char* bad : {R"({"bos_token": 3})", R"({"added_tokens_decoder": []})", R"({"added_tokens_decoder": {"x": {}}})",
                          R"({"added_tokens_decoder": {"3": {"content": ""}}})", R"({"add_bos_token": "yes"})", "[]"}) {
    const auto got = parse_tokenizer_config(bad, "tokenizer_config.json");
    ASSERT_FALSE(got.ok()) << bad;
    EXPECT_EQ(got.err().context.rfind("tokenizer_config.json: ", 0), 0U);
  }
  const auto moved = parse_tokenizer_config(R"({"added_tokens_decoder": {"4": {"content": "<s>"}}})", "tokenizer_config.json");
  EXPECT_FALSE(make_bpe_tokenizer(read_small("tiny_llama_sp").dump(), "made.json", *moved).ok());
}

// Merges as their definition has them, in quadratic time.
std::vector<std::int32_t> merged_plainly(std::vector<std::int32_t> ids, const std::vector<byte_pairs::merge>& merges) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::size_t> rank;
  for (std::size_t i = 0; i < merges.size(); ++i) rank[{merges[i].left, merges[i].right}] = i;
  for (;;) {
    std::size_t best = merges.size();
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto known = rank.find({ids[i], ids[i + 1]});
      if (known != rank.end() && known->second < best) best = known->second, at = i;
    }
    if (best == merges.size()) return ids;
    ids[at] = merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(byte_pairs, merge_as_defined_whatever_the_length) {
  rng random(7);
  for (int round = 0; round < 300; ++round) {
    const auto letters = static_cast<std::int32_t>(2 + random.below(4));
    std::vector<byte_pairs::merge> merges;
    for (std::int32_t next = letters; next < letters + 30; ++next) {
      merges.push_back({static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(next))),
                        static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(next))), next});
    }
    const byte_pairs pairs(merges);
    byte_pairs::scratch buffers;
    std::vector<std::int32_t> ids(random.below(120));
    for (auto& id : ids) id = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(letters)));
    std::vector<std::int32_t> got{99, 98};   // what stands before is left alone
    got.insert(got.end(), ids.begin(), ids.end());
    pairs.apply(got, 2, buffers);
    auto want = merged_plainly(ids, merges);
    want.insert(want.begin(), {99, 98});
    ASSERT_EQ(got, want);
  }
}

TEST(unicode, composition_orders_and_joins_marks) {
  EXPECT_EQ(composed("e\xcc\x81"), "\xc3\xa9");
  EXPECT_EQ(composed("q\xcc\x87\xcc\xa3"), "q\xcc\xa3\xcc\x87");
  EXPECT_EQ(composed("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"), "\xea\xb0\x81");
  EXPECT_EQ(composed("\xe2\x84\xab"), "\xc3\x85");
  EXPECT_EQ(composed("plain \xe4\xbd\xa0"), "plain \xe4\xbd\xa0");
}

}  // namespace
}  // namespace freshet::model
