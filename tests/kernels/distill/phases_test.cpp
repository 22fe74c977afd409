// The built-in world and small folders on disk, behind one interface.
#include "kernels/distill/phases.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/scenes/image_file.hpp"
#include "kernels/scenes/shifts.hpp"
#include "kernels/scenes/wording.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::distill {
namespace {

std::vector<std::string> names_of(const phase_set& set) {
  std::vector<std::string> out;
  for (const phase& p : set.phases) out.push_back(p.name);
  return out;
}

phase_options small() {
  phase_options o;
  o.side = 16;
  return o;
}

TEST(world, has_all_shifts_unless_told_otherwise) {
  const phase_set all = open_phases("scenes", {}, small()).value();
  EXPECT_EQ(names_of(all), scenes::shift_names());
  EXPECT_EQ(all.vocabulary, scenes::vocabulary());
  const std::vector<std::string> wanted{"clean", "semantic", "clean"};
  EXPECT_EQ(names_of(open_phases("scenes", wanted, small()).value()), wanted);
  const auto unknown = open_phases("scenes", {"clean", "weekday"}, small());
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.err().context.find("weekday"), std::string::npos);
}

TEST(world, draws_answered_pictures_of_the_side) {
  const phase_set set = open_phases("scenes", {"clean", "semantic"}, small()).value();
  for (const phase& p : set.phases) {
    rng a(7);
    rng b(7);
    for (int i = 0; i < 5; ++i) {
      const scenes::example e = p.draw(a).value();
      EXPECT_EQ(e.picture.width, 16);
      EXPECT_EQ(e.picture.height, 16);
      EXPECT_FALSE(e.questions.empty());
      EXPECT_EQ(e.domain, p.name);
      EXPECT_EQ(e.picture, p.draw(b).value().picture);
      for (const auto& q : e.questions) {
        for (const std::string& w : scenes::split_words(q.question + " " + q.answer)) {
          EXPECT_TRUE(std::binary_search(set.vocabulary.begin(), set.vocabulary.end(), w)) << w;
        }
      }
    }
    EXPECT_EQ(p.stream->size(), scenes::endless);
    EXPECT_EQ(p.stream->at(3)->picture.width, 16);
  }
}

TEST(world, held_out_pictures_are_fixed_by_the_seed) {
  phase_options other = small();
  other.seed = 2;
  const auto one = open_phases("scenes", {"clean"}, small()).value().phases[0].held_out(6).value();
  const auto same = open_phases("scenes", {"clean"}, small()).value().phases[0].held_out(6).value();
  const auto differs = open_phases("scenes", {"clean"}, other).value().phases[0].held_out(6).value();
  ASSERT_EQ(one.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(one[i].picture, same[i].picture);
    ASSERT_EQ(one[i].questions.size(), same[i].questions.size());
    for (std::size_t q = 0; q < one[i].questions.size(); ++q) {
      EXPECT_TRUE(one[i].questions[q] == same[i].questions[q]);
    }
    EXPECT_NE(one[i].picture, differs[i].picture);
  }
}

/// Pictures of one brightness each, which tells train (even tens) from test (odd tens) and domains.
struct data : test::temporary_folder {
  void picture(const std::string& name, int brightness) const {
    scenes::image out(20, 20);
    std::fill(out.rgb.begin(), out.rgb.end(), static_cast<std::uint8_t>(brightness));
    ASSERT_TRUE(scenes::write_png(*this / name, out).ok());
  }
  static std::string line(const std::string& image, const std::string& question, const std::string& answer) {
    return R"({"image": ")" + image + R"(", "question": ")" + question + R"(", "answer": ")" + answer + "\"}\n";
  }
};

struct single_domain : data {
  explicit single_domain(const std::string& question = "Isn't it dark?") {
    for (int i = 0; i < 3; ++i) picture("train" + std::to_string(i) + ".png", 100 + i);
    for (int i = 0; i < 4; ++i) picture("test" + std::to_string(i) + ".png", 200 + i);
    std::string train = line("missing.png", question, "no") + "this is no line\n";
    for (int i = 0; i < 3; ++i) train += line("train" + std::to_string(i) + ".png", question, "Señor");
    write("train.jsonl", train);
    std::string test;
    for (int i = 0; i < 4; ++i) test += line("test" + std::to_string(i) + ".png", question, "untaught");
    write("test.jsonl", test);
  }
};

double brightness(const scenes::image& picture) {
  double sum = 0;
  for (std::uint8_t x : picture.rgb) sum += x;
  return sum / static_cast<double>(picture.rgb.size());
}

TEST(folder, a_single_domain_gets_phases_from_shifts) {
  const single_domain d;
  phase_options options = small();
  options.augment = false;
  const phase_set set = open_phases(d.path().string(), {}, options).value();
  EXPECT_EQ(names_of(set), (std::vector<std::string>{"clean", "fog", "night", "noise", "clean"}));
  rng random(1);
  std::vector<double> means;
  for (const phase& p : set.phases) {
    double mean = 0;
    for (int i = 0; i < 10; ++i) {
      const scenes::example e = p.draw(random).value();
      EXPECT_EQ(e.picture.width, 16);
      EXPECT_EQ(e.picture.height, 16);
      mean += brightness(e.picture) / 10;
    }
    means.push_back(mean);
    EXPECT_EQ(p.stream->size(), 4U);
  }
  EXPECT_NEAR(means[0], 101, 1.1);  // train pictures, unchanged
  EXPECT_LT(means[2], 80);          // night
  EXPECT_NEAR(means[4], 101, 1.1);
}

TEST(folder, held_out_pictures_come_from_the_test_split) {
  const single_domain d;
  const phase_set set = open_phases(d.path().string(), {"clean", "night"}, small()).value();
  const auto all = set.phases[0].held_out(100).value();
  ASSERT_EQ(all.size(), 4U);
  std::vector<int> seen;
  for (const auto& e : all) {
    EXPECT_EQ(e.questions.front().answer, "untaught");
    seen.push_back(static_cast<int>(std::lround(brightness(e.picture))));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<int>{200, 201, 202, 203}));
  const auto two = set.phases[0].held_out(2).value();
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].picture, all[0].picture);
  const auto by_night = set.phases[1].held_out(4).value();
  for (const auto& e : by_night) EXPECT_LT(brightness(e.picture), 150);
  const auto streamed = set.phases[0].stream->at(0);
  ASSERT_TRUE(streamed.ok());
  EXPECT_GT(brightness(streamed->picture), 199);
}

TEST(folder, the_vocabulary_is_that_of_the_train_split_as_the_tokenizer_cuts_it) {
  const single_domain d;
  const phase_set set = open_phases(d.path().string(), {}, small()).value();
  EXPECT_EQ(set.vocabulary, (std::vector<std::string>{"dark", "isn't", "it", "no", "señor"}));
}

TEST(folder, lines_without_a_picture_are_for_others) {
  const single_domain d;
  std::string train = R"({"question": "what is written left", "answer": "text"})" "\n";
  train += data::line("train0.png", "how dark", "very");
  d.write("train.jsonl", train);
  const phase_set set = open_phases(d.path().string(), {"clean"}, small()).value();
  EXPECT_EQ(set.vocabulary, (std::vector<std::string>{"dark", "how", "very"}));
  rng random(1);
  EXPECT_EQ(set.phases[0].draw(random)->questions.front().question, "how dark");

  d.write("test.jsonl", R"({"question": "what", "answer": "text"})" "\n");
  const auto without = open_phases(d.path().string(), {"clean"}, small());
  ASSERT_FALSE(without.ok());
  EXPECT_NE(without.err().context.find("test.jsonl: no answered question about a picture"), std::string::npos) << without.err().text();
}

TEST(folder, mirrors_unless_questions_speak_of_sides) {
  for (const auto& [question, mirrors] :
       std::vector<std::pair<std::string, bool>>{{"what is this", true}, {"what is left of it", false}}) {
    const data d;
    scenes::image halves(20, 20);
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 10; ++x) std::fill_n(halves.at(x, y), 3, std::uint8_t{255});
    }
    ASSERT_TRUE(scenes::write_png(d / "a.png", halves).ok());
    d.write("train.jsonl", data::line("a.png", question, "x"));
    d.write("test.jsonl", data::line("a.png", question, "x"));
    const phase_set set = open_phases(d.path().string(), {"clean"}, small()).value();
    rng random(1);
    int mirrored = 0;
    for (int i = 0; i < 40; ++i) {
      const scenes::image view = set.phases[0].draw(random).value().picture;
      mirrored += *view.at(0, 8) < *view.at(15, 8) ? 1 : 0;
    }
    EXPECT_EQ(mirrored > 0, mirrors) << question;
    EXPECT_LT(mirrored, 40);
  }
}

TEST(folder, several_domains_are_phases_by_themselves) {
  const data d;
  for (const char* domain : {"rain", "sun"}) {
    const std::string name = domain;
    const int level = name == "sun" ? 200 : 50;
    d.picture(name + ".png", level);
    d.write(name + ".train.jsonl", data::line(name + ".png", "how is " + name, name));
    d.write(name + ".test.jsonl", data::line(name + ".png", "how is " + name, name));
  }
  phase_options options = small();
  options.augment = false;
  const phase_set set = open_phases(d.path().string(), {}, options).value();
  EXPECT_EQ(names_of(set), (std::vector<std::string>{"rain", "sun"}));
  EXPECT_EQ(set.vocabulary, (std::vector<std::string>{"how", "is", "rain", "sun"}));
  rng random(1);
  EXPECT_NEAR(brightness(set.phases[0].draw(random)->picture), 50, 0.5);
  EXPECT_NEAR(brightness(set.phases[1].draw(random)->picture), 200, 0.5);
  const std::vector<std::string> wanted{"sun", "rain", "sun"};
  EXPECT_EQ(names_of(open_phases(d.path().string(), wanted, options).value()), wanted);
  const auto unknown = open_phases(d.path().string(), {"snow"}, options);
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.err().context.find("rain, sun"), std::string::npos);
}

TEST(folder, refuses_what_cannot_be) {
  const single_domain d;
  const auto semantic = open_phases(d.path().string(), {"clean", "semantic"}, small());
  ASSERT_FALSE(semantic.ok());
  EXPECT_EQ(semantic.err().code, errc::invalid_argument);
  EXPECT_NE(semantic.err().context.find("semantic"), std::string::npos);
  EXPECT_FALSE(open_phases(d.path().string(), {"weekday"}, small()).ok());
  EXPECT_EQ(open_phases((d / "nowhere").string(), {}, small()).err().code, errc::not_found);

  for (const char* split : {"train.jsonl", "test.jsonl"}) {
    const single_domain mute;
    mute.write(split, R"({"image": "test0.png", "question": "what"})" "\n");
    const auto unanswered = open_phases(mute.path().string(), {"clean"}, small());
    ASSERT_FALSE(unanswered.ok()) << split;
    EXPECT_NE(unanswered.err().context.find(split), std::string::npos) << unanswered.err().text();
  }

  const data broken;
  broken.write("a.png", "no picture");
  broken.write("train.jsonl", data::line("a.png", "what", "x"));
  broken.write("test.jsonl", data::line("a.png", "what", "x"));
  const phase_set set = open_phases(broken.path().string(), {"clean"}, small()).value();
  rng random(1);
  const auto drawn = set.phases[0].draw(random);
  ASSERT_FALSE(drawn.ok());
  EXPECT_NE(drawn.err().context.find("a.png"), std::string::npos) << drawn.err().text();
}

}  // namespace
}  // namespace freshet::distill
