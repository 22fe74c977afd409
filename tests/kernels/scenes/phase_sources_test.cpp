#include "kernels/scenes/phase_sources.hpp"

#include "kernels/scenes/image_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

using test::temporary_folder;

std::vector<std::string> questions_of(const sample_source& source, std::uint64_t count) {
  std::vector<std::string> out;
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(source.at(i).value().question);
  return out;
}

std::vector<image> pictures_of(const sample_source& source, std::uint64_t count) {
  std::vector<image> out;
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(source.at(i).value().picture);
  return out;
}

/// One question file of `count` lines about one picture; questions are <prefix>0, <prefix>1, ...
void write_split(const temporary_folder& folder, const std::string& file, const std::string& prefix, int count) {
  image picture(20, 20);
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = static_cast<std::uint8_t>(i * 7);
  const auto png = encode_png(picture).value();
  folder.write("a.png", {png.begin(), png.end()});
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += R"({"image": "a.png", "question": ")" + prefix + std::to_string(i) + R"(", "answer": "yes"})" + "\n";
  }
  folder.write(file, lines);
}

TEST(phase_sources, the_world_is_endless_and_new_each_time_a_phase_comes) {
  const auto got = open_phase_sources("scenes", {"clean", "fog", "clean"}, {32, 0.7, 5});
  ASSERT_TRUE(got.ok()) << got.err().text();
  ASSERT_EQ(got->size(), 3U);
  EXPECT_EQ((*got)[0].name, "clean");
  EXPECT_EQ((*got)[1].name, "fog");
  EXPECT_EQ((*got)[2].name, "clean");
  for (const auto& phase : *got) {
    EXPECT_EQ(phase.source->size(), endless);
    const sample s = phase.source->at(3).value();
    EXPECT_EQ(s.domain, phase.name);
    EXPECT_EQ(s.picture.width, 32);
    EXPECT_TRUE(s.answer.has_value());
  }
  const auto first = pictures_of(*(*got)[0].source, 10);
  const auto again = pictures_of(*(*got)[2].source, 10);
  for (const auto& picture : first) EXPECT_EQ(std::count(again.begin(), again.end(), picture), 0);
}

TEST(phase_sources, the_world_depends_on_seed_and_occurrence_alone) {
  const auto long_way = open_phase_sources("scenes", {"clean", "fog", "clean", "fog"}, {32, 0.7, 5}).value();
  const auto short_way = open_phase_sources("scenes", {"fog", "clean"}, {32, 0.7, 5}).value();
  const auto other = open_phase_sources("scenes", {"fog"}, {32, 0.7, 6}).value();
  EXPECT_EQ(pictures_of(*long_way[1].source, 4), pictures_of(*short_way[0].source, 4));
  EXPECT_EQ(pictures_of(*long_way[0].source, 4), pictures_of(*short_way[1].source, 4));
  EXPECT_NE(pictures_of(*long_way[1].source, 4), pictures_of(*other[0].source, 4));
}

TEST(phase_sources, severity_reaches_the_filter) {
  // Fog lifts the darkest pixel of a picture; at severity 0 it changes nothing.
  const auto darkest = [](double severity) {
    const auto got = open_phase_sources("scenes", {"fog"}, {32, severity, 5}).value();
    int sum = 0;
    for (const auto& p : pictures_of(*got[0].source, 8)) sum += *std::min_element(p.rgb.begin(), p.rgb.end());
    return sum;
  };
  EXPECT_GT(darkest(1.0), darkest(0.0) + 8 * 20);
}

TEST(phase_sources, domains_of_a_folder_are_phases_from_their_test_splits) {
  const temporary_folder folder;
  for (const std::string domain : {"day", "night"}) {
    write_split(folder, domain + ".train.jsonl", domain + "-train-", 3);
    write_split(folder, domain + ".test.jsonl", domain + "-test-", 6);
  }
  const auto got = open_phase_sources(folder.path().string(), {"night", "day", "night"}, {16, 0.7, 5});
  ASSERT_TRUE(got.ok()) << got.err().text();
  ASSERT_EQ(got->size(), 3U);
  EXPECT_EQ((*got)[0].source, (*got)[2].source);
  auto night = questions_of(*(*got)[0].source, 6);
  EXPECT_EQ((*got)[0].source->size(), 6U);
  std::sort(night.begin(), night.end());
  EXPECT_EQ(night.front(), "night-test-0");
  EXPECT_EQ(night.back(), "night-test-5");
  EXPECT_EQ(questions_of(*(*got)[1].source, 1)[0].rfind("day-test-", 0), 0U);
  EXPECT_EQ((*got)[1].source->at(0)->picture.width, 16);

  const auto unknown = open_phase_sources(folder.path().string(), {"day", "dusk"}, {});
  ASSERT_FALSE(unknown.ok());
  for (const char* part : {"dusk", "day", "night"}) EXPECT_NE(unknown.err().text().find(part), std::string::npos) << part;
}

TEST(phase_sources, one_domain_gets_its_phases_from_filters) {
  const temporary_folder folder;
  write_split(folder, "train.jsonl", "train-", 3);
  write_split(folder, "test.jsonl", "test-", 30);
  for (const std::string& from : {folder.path().string(), (folder / "test.jsonl").string()}) {
    const auto got = open_phase_sources(from, {"clean", "fog"}, {16, 0.9, 5});
    ASSERT_TRUE(got.ok()) << got.err().text();
    // The same order under each filter, drawn from the seed.
    const auto order = questions_of(*(*got)[0].source, 30);
    EXPECT_EQ(order, questions_of(*(*got)[1].source, 30));
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), 30U);
    EXPECT_NE((*got)[0].source->at(0)->picture, (*got)[1].source->at(0)->picture);
    EXPECT_NE(order, questions_of(*open_phase_sources(from, {"clean"}, {16, 0.9, 6}).value()[0].source, 30));
  }
}

TEST(phase_sources, what_does_not_exist_is_named) {
  const auto no_phase = open_phase_sources("scenes", {}, {});
  ASSERT_FALSE(no_phase.ok());
  EXPECT_EQ(no_phase.err().code, errc::invalid_argument);
  const auto no_shift = open_phase_sources("scenes", {"clean", "tornado"}, {});
  ASSERT_FALSE(no_shift.ok());
  EXPECT_NE(no_shift.err().text().find("tornado"), std::string::npos);
  EXPECT_NE(no_shift.err().text().find("fog"), std::string::npos);
  const auto no_folder = open_phase_sources("/nonexistent/data", {"clean"}, {});
  ASSERT_FALSE(no_folder.ok());
  EXPECT_NE(no_folder.err().text().find("/nonexistent/data"), std::string::npos);
  const auto no_file = open_phase_sources("/nonexistent/data.jsonl", {"clean"}, {});
  ASSERT_FALSE(no_file.ok());
  EXPECT_NE(no_file.err().text().find("/nonexistent/data.jsonl"), std::string::npos);
}

TEST(phase_sources, for_text_only_there_is_no_world_and_no_filter) {
  phase_options options;
  options.pictures = false;
  const auto world = open_phase_sources("scenes", {"clean"}, options);
  ASSERT_FALSE(world.ok());
  EXPECT_NE(world.err().context.find("scenes"), std::string::npos) << world.err().text();

  const temporary_folder folder;
  folder.write("train.jsonl", "");
  folder.write("test.jsonl", R"({"question": "q", "answer": "a"})" "\n");
  for (const std::string& from : {folder.path().string(), (folder / "test.jsonl").string()}) {
    const auto plain = open_phase_sources(from, {"clean"}, options);
    ASSERT_TRUE(plain.ok()) << plain.err().text();
    EXPECT_EQ(plain->front().source->at(0)->question, "q");
    const auto fog = open_phase_sources(from, {"clean", "fog"}, options);
    ASSERT_FALSE(fog.ok());
    EXPECT_NE(fog.err().context.find("fog"), std::string::npos) << fog.err().text();
  }
}

TEST(phase_sources, domains_of_text_are_phases_whatever_their_names) {
  const temporary_folder folder;
  for (const char* name : {"fog", "law"}) {
    folder.write(std::string(name) + ".train.jsonl", "");
    folder.write(std::string(name) + ".test.jsonl", R"({"question": "q", "answer": "a"})" "\n");
  }
  phase_options options;
  options.pictures = false;
  EXPECT_TRUE(open_phase_sources(folder.path().string(), {"law", "fog", "law"}, options).ok());
}

}  // namespace
}  // namespace freshet::scenes
