#include "kernels/scenes/scene_source.hpp"

#include "kernels/scenes/wording.hpp"

#include <set>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

scene_source source(const std::string& domain, std::uint64_t seed, double severity = default_severity) {
  return scene_source(scene_domain::named(domain, severity).value(), seed);
}

TEST(scene_source, same_seed_and_index_same_sample_in_any_order) {
  for (const auto& name : shift_names()) {
    const scene_source a = source(name, 9);
    const scene_source b = source(name, 9);
    for (const std::uint64_t i : {std::uint64_t{5}, std::uint64_t{0}, ~std::uint64_t{0} - 1}) {
      const sample x = a.at(i).value();
      (void)b.at(i + 1);
      const sample y = b.at(i).value();
      EXPECT_EQ(x.picture, y.picture);
      EXPECT_EQ(x.question, y.question);
      EXPECT_EQ(x.answer, y.answer);
      EXPECT_EQ(x.domain, name);
      EXPECT_EQ(x.index, i);
      EXPECT_EQ(x.picture.width, default_side);
    }
  }
}

TEST(scene_source, other_seeds_and_indices_differ) {
  std::set<std::vector<std::uint8_t>> pictures;
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    for (std::uint64_t i = 0; i < 20; ++i) pictures.insert(source("clean", seed).at(i)->picture.rgb);
  EXPECT_EQ(pictures.size(), 100U);
  EXPECT_EQ(source("clean", 1).size(), endless);
}

TEST(scene_source, filters_change_pictures_but_not_the_truth) {
  for (const std::string name : {"fog", "noise", "cast"})
    for (std::uint64_t i = 0; i < 20; ++i) {
      const sample clean = source("clean", 3).at(i).value();
      const sample seen = source(name, 3).at(i).value();
      EXPECT_EQ(clean.question, seen.question);
      EXPECT_EQ(clean.answer, seen.answer);
      EXPECT_NE(clean.picture, seen.picture);
    }
}

TEST(scene_source, semantic_brings_new_things_and_words) {
  std::set<std::string> plain_words;
  for (std::uint64_t i = 0; i < 500; ++i)
    for (auto& w : split_words(source("clean", 4).at(i)->question)) plain_words.insert(w);
  EXPECT_EQ(plain_words.count("heart"), 0U);
  int reworded = 0;
  int new_things = 0;
  int things = 0;
  const scene_source shifted = source("semantic", 4);
  for (std::uint64_t i = 0; i < 500; ++i) {
    bool known = true;
    for (auto& w : split_words(shifted.at(i)->question)) known = known && plain_words.count(w) != 0;
    reworded += known ? 0 : 1;
    for (const object& o : shifted.truth(i).objects) {
      ++things;
      new_things += static_cast<std::size_t>(o.form) >= base_shapes ? 1 : 0;
    }
  }
  EXPECT_GT(reworded, 400);
  EXPECT_GT(new_things, things / 2);
  const scene_source mild = source("semantic", 4, 0.0);
  for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(mild.at(i)->question, source("clean", 4).at(i)->question);
}

TEST(scene_domain, draws_examples_with_several_questions) {
  rng random(1);
  const scene_domain domain = scene_domain::named("rain", 0.5, 64).value();
  const example e = domain.draw(random, 5);
  EXPECT_EQ(e.picture.width, 64);
  EXPECT_EQ(e.picture.height, 64);
  EXPECT_EQ(e.questions.size(), 5U);
  EXPECT_EQ(e.domain, "rain");
}

TEST(scene_domain, refuses_what_makes_no_sense) {
  EXPECT_EQ(scene_domain::named("snow").err().code, errc::not_found);
  EXPECT_EQ(scene_domain::named("fog", 1.1).err().code, errc::invalid_argument);
  EXPECT_EQ(scene_domain::named("fog", -0.1).err().code, errc::invalid_argument);
  EXPECT_EQ(scene_domain::named("fog", 0.5, 15).err().code, errc::invalid_argument);
  EXPECT_EQ(scene_domain::named("fog", 0.5, 4097).err().code, errc::invalid_argument);
}

}  // namespace
}  // namespace freshet::scenes
