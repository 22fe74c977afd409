// tokenizer.model, held to SentencePiece's own library.
#include "tests/kernels/model/tokenizers/golden.hpp"

#include "kernels/base/rng.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/model/tokenizers/sentencepiece_model.hpp"

#include <cstring>
#include <map>

#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

namespace freshet::model {
namespace {

using ids_t = std::vector<std::int32_t>;

void put_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

void put_number(std::string& to, std::uint64_t field, std::uint64_t value) {
  put_varint(to, field << 3);
  put_varint(to, value);
}

void put_bytes(std::string& to, std::uint64_t field, const std::string& bytes) {
  put_varint(to, field << 3 | 2);
  put_varint(to, bytes.size());
  to += bytes;
}

std::string piece_bytes(const std::string& text, float score, std::uint64_t kind) {
  std::string out;
  put_bytes(out, 1, text);
  put_varint(out, 2U << 3 | 5);
  char bits[4];
  std::memcpy(bits, &score, 4);
  out.append(bits, 4);
  put_number(out, 3, kind);
  return out;
}

struct proto_options {
  std::uint64_t kind = 2;
  bool fallback = true;
  bool dummy_prefix = true;
  std::string charsmap;
};

/// What Llama's and Mistral's files hold, from their tokenizer.json: the pieces by id, and scores that fall in the
/// order of the merges that make them.
std::string model_of(const nlohmann::json& model, const proto_options& options = {}) {
  std::vector<std::string> texts(model["vocab"].size());
  for (const auto& [text, id] : model["vocab"].items()) texts.at(id.get<std::size_t>()) = text;
  std::map<std::string, float> score;
  for (const auto& merge : model["merges"]) {
    std::string text = merge.get<std::string>();
    text.erase(text.find(' '), 1);
    score.emplace(text, -static_cast<float>(score.size()));
  }
  std::string out;
  for (std::size_t id = 0; id < texts.size(); ++id) {
    const std::uint64_t kind = id == 0 ? 2 : id < 3 ? 3 : id < 259 && options.fallback ? 6 : 1;
    const auto known = score.find(texts[id]);
    put_bytes(out, 1, piece_bytes(texts[id], known == score.end() ? -1e6F : known->second, kind));
  }
  std::string trainer;
  put_number(trainer, 3, options.kind);
  put_number(trainer, 35, options.fallback ? 1 : 0);
  put_bytes(out, 2, trainer);
  std::string normalizer;
  put_bytes(normalizer, 1, "identity");
  if (!options.charsmap.empty()) put_bytes(normalizer, 2, options.charsmap);
  put_number(normalizer, 3, options.dummy_prefix ? 1 : 0);
  put_number(normalizer, 4, 0);
  put_number(normalizer, 5, 1);
  put_bytes(out, 3, normalizer);
  return out;
}

nlohmann::json tiny_model() {
  return nlohmann::json::parse(test::read_text(test::small_tokenizers() / "tiny_llama_sp" / "tokenizer.json"))["model"];
}

std::vector<std::string> texts() {
  std::vector<std::string> out;
  for (const auto& line : test::read_golden(test::small_tokenizers() / "tiny_llama_sp")) out.push_back(line.text);
  rng random(3);
  const auto known = out;
  for (int i = 0; i < 2000; ++i) {
    // Pieces of the golden texts, cut between characters and put together anew.
    std::string text;
    for (std::uint64_t parts = 1 + random.below(4); parts > 0; --parts) {
      const std::string& from = known[random.below(known.size())];
      const auto boundary = [&](std::size_t at) {
        while (at < from.size() && (static_cast<unsigned char>(from[at]) & 0xc0) == 0x80) ++at;
        return at;
      };
      const std::size_t begin = boundary(random.below(from.size() + 1));
      const std::size_t end = boundary(std::min(from.size(), begin + random.below(40)));
      text += from.substr(begin, end - begin);
    }
    out.push_back(text);
  }
  return out;
}

ids_t library_ids(const sentencepiece::SentencePieceProcessor& library, const std::string& text) {
  std::vector<int> ids;
  EXPECT_TRUE(library.Encode(text, &ids).ok());
  return {ids.begin(), ids.end()};
}

void expect_same_ids(const std::string& model) {
  sentencepiece::SentencePieceProcessor library;
  const auto status = library.LoadFromSerializedProto(model);
  ASSERT_TRUE(status.ok()) << status.ToString();
  const auto words = make_sentencepiece_tokenizer(model, "tokenizer.model");
  ASSERT_TRUE(words.ok()) << words.err().text();
  EXPECT_EQ((*words)->vocab_size(), library.GetPieceSize());
  EXPECT_EQ((*words)->specials().bos, library.bos_id());
  EXPECT_EQ((*words)->specials().eos, library.eos_id());
  for (const std::string& text : texts()) {
    const ids_t want = library_ids(library, text);
    ASSERT_EQ((*words)->encode(text), want) << text;
    // The library's own text, but for what it writes for unknown pieces.
    std::string decoded;
    ASSERT_TRUE(library.Decode(std::vector<int>(want.begin(), want.end()), &decoded).ok());
    if (decoded.find("\xe2\x81\x87") == std::string::npos) {
      ASSERT_EQ((*words)->decode(want), decoded) << text;
    }
  }
}

TEST(sentencepiece, ids_are_the_librarys_for_a_model_that_it_trained) {
  expect_same_ids(test::read_text(test::small_tokenizers() / "sentencepiece" / "tokenizer.model"));
}

TEST(sentencepiece, ids_are_the_librarys_for_a_vocabulary_like_llamas) { expect_same_ids(model_of(tiny_model())); }

TEST(sentencepiece, ids_are_the_librarys_without_byte_fallback_or_prefix) {
  proto_options options;
  options.fallback = false;
  expect_same_ids(model_of(tiny_model(), options));
  options.dummy_prefix = false;
  expect_same_ids(model_of(tiny_model(), options));
}

TEST(sentencepiece, pieces_of_one_score_are_merged_leftmost_first) {
  std::string more = model_of(tiny_model());
  put_bytes(more, 1, piece_bytes("jj", 1000.0F, 1));
  put_bytes(more, 1, piece_bytes("jq", 1000.0F, 1));
  put_bytes(more, 1, piece_bytes("qj", 1000.0F, 1));
  sentencepiece::SentencePieceProcessor library;
  const auto status = library.LoadFromSerializedProto(more);
  ASSERT_TRUE(status.ok()) << status.ToString();
  const auto words = make_sentencepiece_tokenizer(more, "tokenizer.model").value();
  rng random(5);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (std::uint64_t n = 1 + random.below(60); n > 0; --n) text += random.chance(0.5) ? 'j' : 'q';
    ASSERT_EQ(words->encode(text), library_ids(library, text)) << text;
  }
  EXPECT_EQ(words->find_token("jj"), 1006);
}

TEST(sentencepiece, text_after_a_special_token_begins_with_a_space_only_in_the_old_way) {
  const std::string model = model_of(tiny_model());
  proto_options bare;
  bare.dummy_prefix = false;
  sentencepiece::SentencePieceProcessor with;
  sentencepiece::SentencePieceProcessor without;
  ASSERT_TRUE(with.LoadFromSerializedProto(model).ok());
  ASSERT_TRUE(without.LoadFromSerializedProto(model_of(tiny_model(), bare)).ok());
  tokenizer_settings settings;
  const auto old = make_sentencepiece_tokenizer(model, "m", settings).value();
  settings.legacy = false;
  settings.add_eos = true;
  const auto young = make_sentencepiece_tokenizer(model, "m", settings).value();
  ids_t want{1};
  const auto add = [&](const ids_t& ids) { want.insert(want.end(), ids.begin(), ids.end()); };
  add(library_ids(with, "Hello "));
  want.push_back(2);
  add(library_ids(with, "world"));
  EXPECT_EQ(old->encode_with_specials("Hello </s>world", text_frame::whole), want);
  want = {1};
  add(library_ids(with, "Hello "));
  want.push_back(2);
  add(library_ids(without, "world"));
  want.push_back(2);
  EXPECT_EQ(young->encode_with_specials("Hello </s>world", text_frame::whole), want);
}

TEST(sentencepiece, mistrals_vocabulary_as_a_model_gives_the_golden_ids) {
  const auto folder = test::large_tokenizers() / "mistral";
  if (!std::filesystem::exists(folder / "tokenizer.json.gz")) {
    GTEST_SKIP() << folder << " is not here: the large vocabularies are fixtures beside the checkout";
  }
  const auto document = nlohmann::json::parse(test::read_gz(folder / "tokenizer.json.gz"));
  const auto words = make_sentencepiece_tokenizer(model_of(document["model"]), "tokenizer.model");
  ASSERT_TRUE(words.ok()) << words.err().text();
  for (const auto& line : test::read_golden(folder)) {
    EXPECT_EQ((*words)->encode_with_specials(line.text, text_frame::whole), line.ids) << line.text;
    EXPECT_EQ((*words)->decode(line.ids, special_text::show), line.decoded) << line.text;
    EXPECT_EQ((*words)->decode(line.ids), line.decoded_without_specials) << line.text;
  }
}

TEST(sentencepiece, refuses_by_name) {
  const auto refusal = [](const std::string& bytes, errc code, const char* says) {
    const auto got = make_sentencepiece_tokenizer(bytes, "here.model");
    ASSERT_FALSE(got.ok()) << says;
    EXPECT_EQ(got.err().code, code) << got.err().text();
    EXPECT_EQ(got.err().context.rfind("here.model: ", 0), 0U) << got.err().text();
    EXPECT_NE(got.err().text().find(says), std::string::npos) << got.err().text();
  };
  const auto model = tiny_model();
  const std::string good = model_of(model);
  const auto with_piece = [&](const std::string& piece) {
    std::string out = good;
    put_bytes(out, 1, piece);
    return out;
  };
  refusal(model_of(model, {1, true, true, ""}), errc::unsupported, "trainer_spec.model_type = UNIGRAM");
  refusal(model_of(model, {2, true, true, "map"}), errc::unsupported, "precompiled_charsmap = 3 bytes");
  refusal(model_of(model, {4, true, true, ""}), errc::unsupported, "trainer_spec.model_type = CHAR");
  refusal(with_piece(piece_bytes("own", 0, 4)), errc::unsupported, "USER_DEFINED");
  refusal(with_piece(piece_bytes("own", 0, 5)), errc::unsupported, "UNUSED");
  refusal(with_piece(piece_bytes("own", 0, 9)), errc::corrupt, "type = 9");
  refusal(with_piece(piece_bytes("own", 0, 6)), errc::corrupt, "<0x0A>");
  refusal(with_piece(piece_bytes("the", 0, 2)), errc::corrupt, "");
  refusal(with_piece(piece_bytes("\xc3", 0, 1)), errc::corrupt, "UTF-8");
  refusal(with_piece(piece_bytes("a\xe2\x98\x83", 0, 1)), errc::unsupported, "each of its characters");
  refusal(with_piece(piece_bytes(std::string(300, 'a'), 0, 1)), errc::corrupt, "300 bytes");
  refusal(with_piece(piece_bytes("<unk2>", 0, 2)), errc::corrupt, "second unknown");
  refusal("", errc::corrupt, "no pieces");
  for (std::size_t bytes = 1; bytes < 4000; ++bytes) {
    EXPECT_FALSE(make_sentencepiece_tokenizer(good.substr(0, bytes), "cut").ok()) << bytes;
  }
}

}  // namespace
}  // namespace freshet::model
