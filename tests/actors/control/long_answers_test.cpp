#include "actors/control/long_answers.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;

const topology::address ann{"console-ann", "console"};
const topology::address bob{"console-bob", "console"};
const time_point now{1h};

std::string whole(long_answers& answers, const topology::address& who, std::uint64_t number, const std::string& text) {
  auto first = answers.begin(who, number, text, now);
  std::string all = first.json;
  for (std::uint32_t part = 1; part < first.parts; ++part) {
    const auto next = answers.piece(who, number, part, now);
    EXPECT_TRUE(next.ok());
    if (!next.ok()) break;
    EXPECT_EQ(next->part, part);
    EXPECT_EQ(next->parts, first.parts);
    all += next->json;
  }
  return all;
}

TEST(long_answers, of_any_length_come_whole_and_no_piece_is_too_long) {
  long_answers::limits bounds;
  bounds.piece_bytes = 10;
  bounds.answer_bytes = 10'000;
  for (std::size_t length : {0U, 1U, 9U, 10U, 11U, 19U, 20U, 21U, 999U, 10'000U}) {
    long_answers answers(bounds);
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + i % 26);
    EXPECT_EQ(whole(answers, ann, 1, text), text);
    EXPECT_EQ(answers.begin(ann, 1, text, now).parts, std::max<std::size_t>(1, (length + 9) / 10));
  }
}

TEST(long_answers, are_never_cut_within_a_character) {
  long_answers::limits bounds;
  bounds.piece_bytes = 10;
  long_answers answers(bounds);
  std::string text;
  for (int i = 0; i < 50; ++i) text += i % 3 == 0 ? "–" : i % 3 == 1 ? "é" : "𝄞";
  const auto first = answers.begin(ann, 1, text, now);
  ASSERT_GT(first.parts, 10U);
  for (std::uint32_t part = 0; part < first.parts; ++part) {
    const std::string piece = answers.piece(ann, 1, part, now).value().json;
    EXPECT_LE(piece.size(), 10U);
    EXPECT_FALSE(piece.empty());
    EXPECT_NE(static_cast<unsigned char>(piece.front()) & 0xC0U, 0x80U) << part;
  }
  EXPECT_EQ(whole(answers, ann, 1, text), text);
}

TEST(long_answers, beyond_the_limit_are_refused) {
  long_answers::limits bounds;
  bounds.piece_bytes = 10;
  bounds.answer_bytes = 100;
  long_answers answers(bounds);
  const auto said = answers.begin(ann, 1, std::string(101, 'x'), now);
  EXPECT_EQ(said.parts, 1U);
  EXPECT_EQ(nlohmann::json::parse(said.json)["error"], "too_large");
  EXPECT_EQ(answers.size(), 0U);
}

TEST(long_answers, belong_to_whoever_asked_are_few_and_are_forgotten) {
  long_answers::limits bounds;
  bounds.piece_bytes = 10;
  bounds.kept = 2;
  bounds.keep_for = 60s;
  long_answers answers(bounds);
  const std::string text(25, 'x');
  answers.begin(ann, 1, text, now);
  EXPECT_EQ(answers.piece(bob, 1, 1, now).err().code, errc::not_found);
  EXPECT_EQ(answers.piece(ann, 2, 1, now).err().code, errc::not_found);
  EXPECT_EQ(answers.piece(ann, 1, 3, now).err().code, errc::invalid_argument);
  answers.begin(ann, 1, text, now);   // the same question, heard twice
  EXPECT_EQ(answers.size(), 1U);
  answers.begin(bob, 1, text, now);
  answers.begin(bob, 2, text, now);
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.piece(ann, 1, 1, now).err().code, errc::not_found) << "the oldest made room";
  EXPECT_TRUE(answers.piece(bob, 2, 1, now + 50s).ok());
  answers.forget_old(now + 70s);
  EXPECT_TRUE(answers.piece(bob, 2, 1, now + 70s).ok()) << "somebody is still taking it";
  EXPECT_EQ(answers.piece(bob, 1, 1, now + 70s).err().code, errc::not_found);
}

}  // namespace
}  // namespace freshet::actors
