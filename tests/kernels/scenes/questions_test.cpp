#include "kernels/scenes/questions.hpp"

#include "kernels/scenes/wording.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

using words = std::vector<std::string>;

bool has(const words& text, const std::string& word) { return std::find(text.begin(), text.end(), word) != text.end(); }

template <class Enum>
std::optional<Enum> named_in(const words& text, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (has(text, std::string(name(static_cast<Enum>(i))))) return static_cast<Enum>(i);
  return {};
}

/// Answers a question by looking at the scene, from its words alone; "?" when it is ambiguous.
/// Written apart from the grammar: it knows what the words mean, not how they were made.
std::string look(const scene& s, const std::string& question) {
  words text = split_words(question);
  const bool asks_side = has(text, "left") && has(text, "right");
  const bool asks_height = has(text, "top") && has(text, "bottom");
  const auto tint = named_in<color>(text, all_colors);
  const auto form = named_in<shape>(text, all_shapes);
  const auto size = named_in<object_size>(text, all_sizes);
  std::optional<int> column;
  std::optional<int> row;
  if (!asks_side && !asks_height) {
    if (has(text, "left")) column = 0;
    if (has(text, "right")) column = 1;
    if (has(text, "top") || has(text, "upper")) row = 0;
    if (has(text, "bottom") || has(text, "lower")) row = 1;
  }
  std::vector<object> meant;
  for (const object& o : s.objects)
    if ((!tint || o.tint == *tint) && (!form || o.form == *form) && (!size || o.size == *size) &&
        (!column || o.column == *column) && (!row || o.row == *row))
      meant.push_back(o);

  if (has(text, "many") || has(text, "count"))
    return std::vector<std::string>{"zero", "one", "two", "three", "four"}[meant.size()];
  if (text[0] == "is" && text[1] == "there") return meant.empty() ? "no" : "yes";
  if (text[0] == "can") return meant.empty() ? "no" : "yes";
  if (meant.size() != 1) return "?";
  const object& o = meant.front();
  if (asks_side) return o.column == 0 ? "left" : "right";
  if (asks_height) return o.row == 0 ? "top" : "bottom";
  if (has(text, "color") || has(text, "colour")) return std::string(name(o.tint));
  if (text[1] == "shape" || text[1] == "form") return std::string(name(o.form));
  if (text[1] == "size" || text[1] == "big") return std::string(name(o.size));
  return "?";
}

struct world {
  scene_options scenes;
  question_style style;
};

world plain_world() { return {}; }
world semantic() {
  world w;
  w.scenes.new_shapes = 0.6;
  w.style = {0.6, true};
  return w;
}
world four_objects() {
  world w = semantic();
  w.scenes.min_objects = 4;
  w.scenes.max_objects = 4;
  return w;
}

class questions : public ::testing::TestWithParam<world (*)()> {};
INSTANTIATE_TEST_SUITE_P(worlds, questions, ::testing::Values(&plain_world, &semantic, &four_objects));

TEST_P(questions, every_answer_is_what_one_sees) {
  const world w = GetParam()();
  rng random(21);
  for (int i = 0; i < 800; ++i) {
    const scene s = draw_scene(random, w.scenes);
    for (const qa& q : all_questions(s, random, w.style)) ASSERT_EQ(q.answer, look(s, q.question)) << q.question;
    const qa one = one_question(s, random, w.style);
    ASSERT_EQ(one.answer, look(s, one.question)) << one.question;
  }
}

TEST_P(questions, all_words_are_in_the_vocabulary) {
  const world w = GetParam()();
  const std::set<std::string> known(vocabulary().begin(), vocabulary().end());
  const std::set<std::string> known_answers(answers().begin(), answers().end());
  rng random(22);
  for (int i = 0; i < 400; ++i) {
    const scene s = draw_scene(random, w.scenes);
    for (const qa& q : all_questions(s, random, w.style)) {
      for (const auto& word : split_words(q.question)) ASSERT_TRUE(known.count(word)) << word << " in " << q.question;
      ASSERT_TRUE(known_answers.count(q.answer)) << q.answer;
    }
  }
}

TEST_P(questions, all_questions_are_distinct_and_balanced) {
  const world w = GetParam()();
  rng random(23);
  for (int i = 0; i < 300; ++i) {
    const scene s = draw_scene(random, w.scenes);
    std::set<std::pair<std::string, category>> seen;
    std::map<std::string, int> count;
    const auto all = all_questions(s, random, w.style);
    for (const qa& q : all) {
      EXPECT_TRUE(seen.emplace(q.question, q.kind).second) << q.question;
      ++count[q.answer];
    }
    EXPECT_EQ(count["yes"], count["no"]);
    EXPECT_LE(count["zero"], count["one"] + count["two"] + count["three"] + count["four"]);
    for (std::size_t k = 0; k < grammar_categories; ++k)
      EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const qa& q) { return q.kind == static_cast<category>(k); }));
  }
}

TEST_P(questions, constant_answers_score_little) {
  const world w = GetParam()();
  rng random(24);
  std::map<category, std::map<std::string, int>> by;
  std::map<category, int> total;
  const int draws = 12000;
  for (int i = 0; i < draws; ++i) {
    const scene s = draw_scene(random, w.scenes);
    const qa q = one_question(s, random, w.style);
    ++by[q.kind][q.answer];
    ++total[q.kind];
  }
  ASSERT_EQ(total.size(), grammar_categories);
  double best_constant = 0;
  for (const auto& [kind, counts] : by) {
    EXPECT_NEAR(total[kind], draws / 6.0, 200);
    int most = 0;
    for (const auto& [answer, n] : counts) most = std::max(most, n);
    best_constant += most;
    if (kind == category::exist) {
      EXPECT_NEAR(static_cast<double>(counts.at("yes")) / total[kind], 0.5, 0.05);
    }
  }
  EXPECT_LT(best_constant / draws, 0.37);  // of six categories two have two answers
}

/// The words of an existence question must not give its answer away.
TEST(questions_prior, existence_words_carry_no_answer) {
  rng random(25);
  std::map<std::size_t, std::pair<int, int>> by_length;  // named things → (yes, all)
  for (int i = 0; i < 60000; ++i) {
    const scene s = draw_scene(random);
    const qa q = one_question(s, random);
    if (q.kind != category::exist) continue;
    auto& [yes, all] = by_length[split_words(q.question).size()];
    yes += q.answer == "yes" ? 1 : 0;
    ++all;
  }
  for (const auto& [length, n] : by_length)
    EXPECT_NEAR(static_cast<double>(n.first) / n.second, 0.5, 0.04) << length << " words";
}

TEST(questions_some, gives_different_questions_up_to_what_there_is) {
  rng random(26);
  for (int i = 0; i < 200; ++i) {
    const scene s = draw_scene(random);
    const auto some = some_questions(s, random, 6);
    EXPECT_EQ(some.size(), 6U);
    std::set<std::string> texts;
    for (const qa& q : some) texts.insert(q.question);
    EXPECT_EQ(texts.size(), some.size());
  }
  const scene s = draw_scene(random);
  EXPECT_GT(some_questions(s, random, 10000).size(), 20U);  // ends, although there are fewer
}

TEST(wording, new_words_differ_and_names_are_exact) {
  const auto ref = reference::of(color::red, shape::circle);
  EXPECT_EQ(phrase(form::exists, ref, false), "is there a red circle?");
  EXPECT_EQ(phrase(form::color_of, reference::at_place(0, 1), false), "what color is the object at the top right?");
  EXPECT_EQ(phrase(form::count_some, reference::of(object_size::small), false), "how many small objects are there?");
  for (std::size_t f = 0; f < all_forms; ++f)
    EXPECT_NE(phrase(static_cast<form>(f), ref, false), phrase(static_cast<form>(f), ref, true));
}

TEST(wording, split_words_lowers_and_drops_punctuation) {
  EXPECT_EQ(split_words("  What COLOR, is\tthe 2nd-shape?"), (words{"what", "color", "is", "the", "2nd", "shape"}));
  EXPECT_TRUE(split_words("?!").empty());
}

TEST(wording, vocabulary_is_sorted_unique_and_holds_the_answers) {
  EXPECT_TRUE(std::is_sorted(vocabulary().begin(), vocabulary().end()));
  EXPECT_EQ(std::adjacent_find(vocabulary().begin(), vocabulary().end()), vocabulary().end());
  EXPECT_TRUE(std::includes(vocabulary().begin(), vocabulary().end(), answers().begin(), answers().end()));
  EXPECT_LT(vocabulary().size(), 128U);
}

}  // namespace
}  // namespace freshet::scenes
