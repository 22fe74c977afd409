#include "kernels/model/word_tokenizer.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/model/tokenizers/unicode.hpp"
#include "kernels/model/utf8.hpp"
#include "kernels/model/whole_file.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::model {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const word_tokenizer> small() {
  return word_tokenizer::make({"what", "colour", "is", "the", "cat", "?", ".", "(", ")", "-", "'", "a", "cat's"})
      .value();
}

constexpr std::int32_t word(std::int32_t position) { return word_tokenizer::first_word_id + position; }
constexpr std::int32_t byte(unsigned char value) { return word_tokenizer::first_byte_id + value; }

std::string random_utf8(rng& random, std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    switch (random.below(6)) {
      case 0:
        append_utf8(out, static_cast<char32_t>(random.below(0x80)));
        break;
      case 1:
        append_utf8(out, static_cast<char32_t>(0x80 + random.below(0x700)));
        break;
      case 2:
        append_utf8(out, static_cast<char32_t>(0xe000 + random.below(0x2000)));
        break;
      case 3:
        append_utf8(out, static_cast<char32_t>(0x10000 + random.below(0x100000)));
        break;
      case 4:
        out += " '-?.()cat"[random.below(10)];
        break;
      default:
        out += random.chance(0.5) ? "cat" : "a";
        break;
    }
  }
  return out;
}

// An independent statement of what a round trip may change: case, spaces, and where they stand.
std::string without_case_and_space(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || (c >= 9 && c <= 13)) continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return out;
}

TEST(word_tokenizer_test, known_words_are_one_token_each) {
  const auto t = small();
  EXPECT_THAT(t->encode("What  colour\tis the CAT?"),
              ElementsAre(word(0), word(1), word(2), word(3), word(4), word(5)));
  EXPECT_EQ(t->decode(t->encode("What  colour\tis the CAT ?")), "what colour is the cat?");
  EXPECT_EQ(t->vocab_size(), 4 + 256 + 13);
  EXPECT_TRUE(t->encode("").empty());
  EXPECT_TRUE(t->encode(" \n ").empty());
  EXPECT_EQ(t->decode({}), "");
}

TEST(word_tokenizer_test, unknown_words_are_bytes) {
  const auto t = small();
  EXPECT_THAT(t->encode("the Dog"), ElementsAre(word(3), byte('d'), byte('o'), byte('g')));
  EXPECT_THAT(t->encode("ox  ok"), ElementsAre(byte('o'), byte('x'), byte(' '), byte('o'), byte('k')));
  EXPECT_THAT(t->encode("\xc3\xa9"), ElementsAre(byte(0xc3), byte(0xa9)));
  EXPECT_THAT(t->encode("x@y"), ElementsAre(byte('x'), byte('@'), byte('y')));
  EXPECT_EQ(t->decode(t->encode("an ox ok, the cat m\xc3\xbc"
                                "de.")),
            "an ox ok, the cat m\xc3\xbc"
            "de.");
}

TEST(word_tokenizer_test, punctuation_attaches) {
  const auto t = small();
  const struct {
    const char* text;
    const char* decoded;
  } cases[] = {
      {"the cat .", "the cat."},
      {"( the cat ) ?", "(the cat)?"},
      {"cat - cat", "cat-cat"},
      {"the cat's", "the cat's"},
      {"the cats' colour", "the cats' colour"},
      {"'cat'", "' cat'"},
      {"cat@cat", "cat @ cat"},
      {"cat . cat", "cat. cat"},
      {"(dog)", "(dog)"},
      {"don't", "don't"},
      {"dog.", "dog."},
      {"...", "..."},
  };
  for (const auto& c : cases) EXPECT_EQ(t->decode(t->encode(c.text)), c.decoded) << c.text;
}

TEST(word_tokenizer_test, specials_come_from_the_caller_alone) {
  const auto t = small();
  for (const char* text : {"<pad>", "<s>", "</s>", "<image>", "<0x41>", "see <image> and </s>"}) {
    for (const std::int32_t id : t->encode(text)) EXPECT_GE(id, word_tokenizer::first_byte_id) << text;
    EXPECT_EQ(without_case_and_space(t->decode(t->encode(text))), without_case_and_space(text));
  }
  EXPECT_EQ(t->specials().pad, 0);
  EXPECT_EQ(t->specials().bos, 1);
  EXPECT_EQ(t->specials().eos, 2);
  EXPECT_EQ(t->specials().image, 3);
  EXPECT_EQ(t->decode({1, 3, word(3), 3, word(4), 2, 0, 0}), "the cat");
}

TEST(word_tokenizer_test, foreign_ids_and_broken_bytes_decode_to_valid_text) {
  const auto t = small();
  EXPECT_EQ(t->decode({word(4), t->vocab_size(), -1}), "cat \xef\xbf\xbd \xef\xbf\xbd");
  EXPECT_EQ(t->decode({byte(0xc3)}), "\xef\xbf\xbd");
  EXPECT_EQ(t->decode({byte(0xc3), word(4), byte(0xa9)}), "\xef\xbf\xbd cat \xef\xbf\xbd");
  rng random(4);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::int32_t> ids(random.below(20));
    for (auto& id : ids) id = static_cast<std::int32_t>(random.below(300)) - 5;
    const std::string text = t->decode(ids);
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(word_tokenizer_test, random_text_round_trips) {
  rng random(1);
  const auto sparse = small();
  const auto empty = word_tokenizer::make({}).value();
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random_utf8(random, random.below(25));
    for (const auto& t : {sparse, empty}) {
      const auto ids = t->encode(text);
      const std::string decoded = t->decode(ids);
      ASSERT_EQ(without_case_and_space(decoded), without_case_and_space(text)) << text;
      ASSERT_EQ(t->encode(decoded), ids) << text << " -> " << decoded;
      for (const std::int32_t id : ids) ASSERT_TRUE(id >= 4 && id < t->vocab_size());
    }
  }
}

TEST(word_tokenizer_test, random_vocabularies_round_trip) {
  rng random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 10; ++i) texts.push_back(random_utf8(random, 12));
    const auto made = word_tokenizer::make(collect_words(texts, random.below(40)));
    ASSERT_TRUE(made.ok()) << made.err().text();
    for (const auto& text : texts) {
      const auto ids = (*made)->encode(text);
      EXPECT_EQ((*made)->encode((*made)->decode(ids)), ids) << text;
    }
  }
}

TEST(word_tokenizer_test, words_are_collected_by_frequency) {
  EXPECT_THAT(collect_words({"b a b?", "B c ?", "c"}, 3), ElementsAre("b", "?", "c"));
  EXPECT_THAT(split_words("It's A-ok, \xc3\x89t\xc3\xa9"),
              ElementsAre("it's", "a", "-", "ok", ",", "\xc3\x89t\xc3\xa9"));
}

TEST(word_tokenizer_test, bad_words_are_named) {
  const struct {
    std::vector<std::string> words;
    const char* expected;
  } cases[] = {
      {{"a", "Cat"}, "word 1, \"Cat\", must be one word"},
      {{"a b"}, "must be one word"},
      {{""}, "must be one word"},
      {{" a"}, "must be one word"},
      {{"<image>"}, "must be one word"},
      {{"\xff"}, "not valid UTF-8"},
      {{"a", "b", "a"}, "word 2, \"a\", stands at 0 already"},
      {{std::string(129, 'x')}, "at most 128"},
  };
  for (const auto& c : cases) {
    const auto made = word_tokenizer::make(c.words);
    ASSERT_FALSE(made.ok()) << c.expected;
    EXPECT_THAT(made.err().context, HasSubstr(c.expected));
  }
  EXPECT_EQ(word_tokenizer::make(std::vector<std::string>(word_tokenizer::most_words + 1, "a")).err().code,
            errc::too_large);
}

TEST(utf8_test, ill_formed_sequences_are_replaced) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(valid_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(valid_utf8("\x80"), r);
  EXPECT_EQ(valid_utf8("\xc0\xaf"), r + r);                  // overlong
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), r + r + r);          // surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), r + r + r + r);  // past U+10FFFF
  EXPECT_EQ(valid_utf8("\xe2\x82z"), r + "z");               // breaks off
  EXPECT_EQ(valid_utf8("\xf0\x9f"), r);
  // The example of Unicode 15, table 3-8.
  EXPECT_EQ(valid_utf8("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
}

class tokenizer_folder : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  error problem() {
    const auto loaded = load_tokenizer(folder_);
    EXPECT_FALSE(loaded.ok());
    return loaded.ok() ? error{} : loaded.err();
  }
  // A folder a test: they run side by side.
  fs::path folder_ = fs::path(::testing::TempDir()) / (std::string("freshet_tokenizer_") +
                                                       ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(tokenizer_folder, saved_words_load_again) {
  const auto t = small();
  ASSERT_TRUE(t->save(folder_).ok());
  const auto loaded = load_tokenizer(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.err().text();
  EXPECT_EQ((*loaded)->vocab_size(), t->vocab_size());
  EXPECT_EQ((*loaded)->encode("what is a dog's colour?"), t->encode("what is a dog's colour?"));
  EXPECT_EQ((*loaded)->specials().eos, 2);
}

TEST_F(tokenizer_folder, truncation_at_every_byte_is_an_error) {
  ASSERT_TRUE(small()->save(folder_).ok());
  const std::string whole = read_whole_file(folder_ / word_tokenizer::file_name, 1 << 20).value();
  for (std::size_t n = 0; n <= whole.rfind('}'); ++n) {
    put(word_tokenizer::file_name, whole.substr(0, n));
    EXPECT_FALSE(load_tokenizer(folder_).ok()) << n;
  }
}

TEST_F(tokenizer_folder, bad_files_are_named) {
  const struct {
    const char* text;
    errc code;
    const char* expected;
  } cases[] = {
      {"[]", errc::corrupt, "format must be"},
      {R"({"format": "bpe"})", errc::corrupt, "format must be"},
      {R"({"format": "freshet-words", "version": 2, "words": []})", errc::unsupported, "version must be 1"},
      {R"({"format": "freshet-words", "version": 1})", errc::corrupt, "words must be a list"},
      {R"({"format": "freshet-words", "version": 1, "words": ["a", 1]})", errc::corrupt, "word 1 must be a string"},
      {R"({"format": "freshet-words", "version": 1, "words": ["a", "a"]})", errc::invalid_argument, "already"},
  };
  for (const auto& c : cases) {
    put(word_tokenizer::file_name, c.text);
    EXPECT_EQ(problem().code, c.code) << c.text;
    EXPECT_THAT(problem().context, HasSubstr(c.expected));
    EXPECT_THAT(problem().context, HasSubstr("freshet_tokenizer.json: "));
  }
  std::ofstream(folder_ / word_tokenizer::file_name) << std::string((16u << 20) + 1, ' ');
  EXPECT_EQ(problem().code, errc::too_large);
}

TEST_F(tokenizer_folder, the_kind_is_that_of_the_files) {
  EXPECT_EQ(problem().code, errc::not_found);
  put("vocab.json", "{}");
  EXPECT_EQ(problem().code, errc::unsupported);
  const fs::path golden = fs::path(FRESHET_TEST_DATA) / "hf" / "tokenizers";
  fs::copy_file(golden / "sentencepiece" / "tokenizer.model", folder_ / "tokenizer.model");
  EXPECT_EQ(load_tokenizer(folder_).value()->find_token("<0x00>"), 3);
  put("added_tokens.json", R"({"<image>": 900})");
  EXPECT_EQ(load_tokenizer(folder_).value()->specials().image, 900);
  put("added_tokens.json", R"({"<image>": 5})");
  EXPECT_THAT(problem().context, HasSubstr("tokenizer.model: added token \"<image>\" = 5"));
  fs::remove(folder_ / "added_tokens.json");
  fs::copy_file(golden / "tiny_qwen2" / "tokenizer.json", folder_ / "tokenizer.json");
  put("tokenizer_config.json", R"({"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": null})");
  const auto qwen = load_tokenizer(folder_).value();
  EXPECT_EQ(qwen->specials().eos, 952);
  EXPECT_EQ(qwen->specials().pad, 950);
  EXPECT_EQ(qwen->specials().image, 955);
  EXPECT_FALSE(qwen->specials().bos.has_value());
  put("tokenizer.json", R"({"model": {"type": "WordPiece"}})");
  EXPECT_EQ(problem().code, errc::unsupported);
  EXPECT_THAT(problem().context, HasSubstr((folder_ / "tokenizer.json").string() + ": model.type"));
  ASSERT_TRUE(small()->save(folder_).ok());  // our own file beside it goes first
  EXPECT_EQ(load_tokenizer(folder_).value()->vocab_size(), small()->vocab_size());
}

TEST(word_tokenizer_test, specials_are_read_where_we_ask_for_it) {
  const auto t = small();
  EXPECT_THAT(t->encode_with_specials("the <image> cat</s>", text_frame::bare), ElementsAre(word(3), 3, word(4), 2));
  EXPECT_THAT(t->encode_with_specials("<pad>", text_frame::whole), ElementsAre(1, 0));
  EXPECT_EQ(t->decode({1, 3, word(4), 2}, special_text::show), "<s> <image> cat </s>");
  EXPECT_EQ(t->find_token("<image>"), 3);
  EXPECT_EQ(t->find_token("<0x0A>"), byte(10));
  EXPECT_EQ(t->find_token("cat"), word(4));
  EXPECT_FALSE(t->find_token("dog").has_value());
}

TEST(word_tokenizer_test, text_that_streams_is_never_taken_back) {
  const auto t = small();
  rng random(9);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int32_t> ids(random.below(24));
    for (auto& id : ids) id = static_cast<std::int32_t>(random.below(280)) - 2;
    const auto text = t->stream();
    std::string said;
    for (const auto id : ids) {
      said += text->push(id);
      EXPECT_EQ(valid_utf8(said), said);
    }
    EXPECT_EQ(said + text->finish(), t->decode(ids));
  }
}

TEST(utf8, what_is_decided_is_all_but_an_open_sequence) {
  const std::string text = "a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const std::size_t ends[] = {0, 1, 3, 6, 10};
    std::size_t want = 0;
    for (const std::size_t end : ends) want = end <= n ? end : want;
    EXPECT_EQ(decided_utf8(std::string_view(text).substr(0, n)), want) << n;
  }
  EXPECT_EQ(decided_utf8("\x80"), 1U);
  EXPECT_EQ(decided_utf8("\xe4\x80\x80\x80"), 4U);
  EXPECT_EQ(decided_utf8("\xe0\x80"), 2U);   // overlong: no byte can make it right
  EXPECT_EQ(decided_utf8("\xff"), 1U);
}

}  // namespace
}  // namespace freshet::model
