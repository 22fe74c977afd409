#include "kernels/scenes/folder_source.hpp"

#include "kernels/scenes/data_folder.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

using test::temporary_folder;

image plain(int width, int height, std::uint8_t value) {
  image out(width, height);
  std::fill(out.rgb.begin(), out.rgb.end(), value);
  return out;
}

std::string as_text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/// Two good images, one of each kind of bad input.
struct data : temporary_folder {
  data() {
    std::filesystem::create_directory(*this / "sub");
    write("a.png", as_text(encode_png(plain(10, 8, 50)).value()));
    write("sub/b.jpg", as_text(encode_jpeg(plain(12, 12, 200), 90).value()));
    const std::string png = as_text(encode_png(plain(10, 8, 50)).value());
    write("cut.png", png.substr(0, png.size() / 2));
    write("text.png", "this is no picture");
    write("t.jsonl", R"({"image": "a.png", "question": "q1", "answer": "x"}
{"image": "sub/b.jpg", "question": "q2", "answer": "y", "domain": "photo"}
{"image": "a.png", "question": "q3"}
{"image": "a.png", "question": "q4", "answer": "z"}
{"image": "none.png", "question": "q5", "answer": "x"}
{"image": "cut.png", "question": "q6", "answer": "x"}
{"image": "text.png", "question": "q7", "answer": "x"}
{"image": "../t.png", "question": "q8", "answer": "x"}
{"image": "a.png", "question": "", "answer": "x"}
not json
)");
  }
  [[nodiscard]] std::unique_ptr<folder_source> open(folder_options options = {}) const {
    return folder_source::open(*this / "t.jsonl", std::move(options)).value();
  }
};

TEST(folder_source, gives_the_good_and_names_the_bad) {
  const data d;
  const auto source = d.open();
  ASSERT_EQ(source->size(), 10U);
  const sample first = source->at(0).value();
  EXPECT_EQ(first.picture, plain(10, 8, 50));
  EXPECT_EQ(first.question, "q1");
  EXPECT_EQ(first.answer, "x");
  EXPECT_EQ(first.domain, "clean");
  EXPECT_EQ(source->at(1)->domain, "photo");
  EXPECT_FALSE(source->at(2)->answer.has_value());

  skip_counter counter;
  int good = 0;
  int logged = 0;
  for (std::uint64_t i = 0; i < source->size(); ++i) {
    const auto s = source->at(i);
    good += s ? 1 : 0;
    if (!s) logged += counter.count(s.err()) ? 1 : 0;
  }
  EXPECT_EQ(good, 4);
  EXPECT_EQ(logged, 6);
  for (const auto kind : {skip_kind::missing_image, skip_kind::broken_image, skip_kind::unsupported_image,
                          skip_kind::unsafe_path, skip_kind::empty_question, skip_kind::bad_line})
    EXPECT_EQ(counter.of(kind), 1U) << name(kind);
  skip_counter lines_only;
  source->count_bad_lines(lines_only);
  EXPECT_EQ(lines_only.total(), 3U);
  EXPECT_EQ(source->at(10).err().code, errc::invalid_argument);
}

TEST(folder_source, limits_pictures) {
  const data d;
  folder_options options;
  options.images.max_pixels = 100;
  const auto source = d.open(options);
  EXPECT_TRUE(source->at(0).ok());                                // 80 pixels
  EXPECT_EQ(kind_of(source->at(1).err()), skip_kind::oversized);  // 144
}

TEST(folder_source, resizes_and_caches_within_the_bound) {
  const data d;
  folder_options options;
  options.side = 16;
  options.max_cache_bytes = 16 * 16 * 3;  // room for one
  const auto source = d.open(options);
  EXPECT_EQ(source->cached_bytes(), 0U);
  EXPECT_EQ(source->at(0)->picture, plain(16, 16, 50));
  EXPECT_EQ(source->cached_bytes(), 768U);
  EXPECT_EQ(source->at(1)->picture.width, 16);
  EXPECT_EQ(source->cached_bytes(), 768U);
  std::filesystem::remove(d / "a.png");
  std::filesystem::remove(d / "sub/b.jpg");
  EXPECT_TRUE(source->at(3).ok());  // from the cache
  EXPECT_EQ(kind_of(source->at(1).err()), skip_kind::missing_image);
}

TEST(folder_source, groups_answered_questions_by_image) {
  const data d;
  const auto source = d.open();
  ASSERT_EQ(source->image_count(), 5U);  // a, b, none, cut, text
  const example a = source->example_at(0).value();
  ASSERT_EQ(a.questions.size(), 2U);  // q3 has no answer
  EXPECT_EQ(a.questions[0].question, "q1");
  EXPECT_EQ(a.questions[1].answer, "z");
  EXPECT_EQ(a.picture, plain(10, 8, 50));
  EXPECT_EQ(source->example_at(1)->domain, "photo");
  EXPECT_EQ(kind_of(source->example_at(2).err()), skip_kind::missing_image);
  EXPECT_EQ(source->example_at(5).err().code, errc::invalid_argument);
}

TEST(folder_source, shifts_on_top_are_deterministic_and_named) {
  const data d;
  folder_options options;
  options.shift = "noise";
  options.seed = 5;
  const auto one = d.open(options);
  const auto two = d.open(options);
  EXPECT_EQ(one->at(0)->picture, two->at(0)->picture);
  EXPECT_NE(one->at(0)->picture, one->at(3)->picture);  // the same image, another draw
  EXPECT_NE(one->at(0)->picture, plain(10, 8, 50));
  EXPECT_EQ(one->at(0)->domain, "noise");
  EXPECT_EQ(one->at(1)->domain, "photo+noise");
  EXPECT_EQ(one->example_at(0, 7)->picture, two->example_at(0, 7)->picture);
  EXPECT_NE(one->example_at(0, 7)->picture, one->example_at(0, 8)->picture);
  options.seed = 6;
  EXPECT_NE(d.open(options)->at(0)->picture, one->at(0)->picture);
}

/// A line about a picture between two of text alone, one of them answered.
struct mixed_data : temporary_folder {
  mixed_data() {
    write("a.png", as_text(encode_png(plain(10, 8, 50)).value()));
    write("t.jsonl", R"({"question": "q1", "answer": "x"}
{"image": "a.png", "question": "q2", "answer": "y"}
{"image": null, "question": "q3", "domain": "law"}
)");
  }
};

TEST(folder_source, a_line_without_an_image_is_a_sample_without_a_picture_under_any_filter) {
  const mixed_data d;
  folder_options options;
  options.side = 16;
  options.shift = "noise";
  const auto source = folder_source::open(d / "t.jsonl", options).value();
  const sample text = source->at(0).value();
  EXPECT_TRUE(text.picture.empty());
  EXPECT_EQ(text.picture.width, 0);
  EXPECT_EQ(text.question, "q1");
  EXPECT_EQ(text.answer, "x");
  EXPECT_EQ(source->at(1)->picture.width, 16);
  EXPECT_EQ(source->at(2)->domain, "law+noise");
}

TEST(folder_source, lines_without_an_image_are_in_no_example) {
  const mixed_data d;
  const auto source = folder_source::open(d / "t.jsonl").value();
  ASSERT_EQ(source->image_count(), 1U);
  ASSERT_EQ(source->example_at(0)->questions.size(), 1U);
  EXPECT_EQ(source->example_at(0)->questions[0].question, "q2");
}

TEST(folder_source, for_text_only_no_image_is_opened_and_its_line_is_an_error) {
  const mixed_data d;
  std::filesystem::remove(d / "a.png");
  folder_options options;
  options.pictures = false;
  const auto source = folder_source::open(d / "t.jsonl", options).value();
  EXPECT_TRUE(source->at(0).ok());
  const auto picture = source->at(1);
  ASSERT_FALSE(picture.ok());
  EXPECT_EQ(kind_of(picture.err()), skip_kind::unread_picture) << picture.err().text();
  EXPECT_NE(picture.err().context.find("a.png"), std::string::npos) << picture.err().text();
}

TEST(folder_source, shuffle_is_a_permutation_by_seed) {
  const temporary_folder folder;
  folder.write("a.png", as_text(encode_png(plain(2, 2, 1)).value()));
  std::string text;
  for (int i = 0; i < 50; ++i) text += R"({"image": "a.png", "question": "q)" + std::to_string(i) + "\"}\n";
  folder.write("t.jsonl", text);
  const auto order = [&](std::uint64_t seed, bool shuffle) {
    folder_options options;
    options.seed = seed;
    options.shuffle = shuffle;
    const auto source = folder_source::open(folder / "t.jsonl", options).value();
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < source->size(); ++i) out.push_back(source->at(i)->question);
    return out;
  };
  const auto plain_order = order(1, false);
  EXPECT_EQ(plain_order[49], "q49");
  EXPECT_EQ(order(1, true), order(1, true));
  EXPECT_NE(order(1, true), order(2, true));
  EXPECT_NE(order(1, true), plain_order);
  const auto mixed = order(1, true);
  EXPECT_TRUE(std::is_permutation(mixed.begin(), mixed.end(), plain_order.begin()));
}

TEST(folder_source, refuses_what_makes_no_sense) {
  const data d;
  const auto code = [&](folder_options options) {
    return folder_source::open(d / "t.jsonl", std::move(options)).err().code;
  };
  folder_options options;
  options.shift = "semantic";
  EXPECT_EQ(code(options), errc::invalid_argument);
  options.shift = "snow";
  EXPECT_EQ(code(options), errc::not_found);
  options = {};
  options.severity = 2;
  EXPECT_EQ(code(options), errc::invalid_argument);
  options = {};
  options.side = -1;
  EXPECT_EQ(code(options), errc::invalid_argument);
  EXPECT_EQ(folder_source::open(d / "u.jsonl").err().code, errc::not_found);
}

TEST(data_folder, finds_one_domain_or_several) {
  const temporary_folder one;
  one.write("train.jsonl", "");
  one.write("test.jsonl", "");
  const auto single = list_domains(one.path()).value();
  EXPECT_FALSE(single.several);
  ASSERT_EQ(single.domains.size(), 1U);
  EXPECT_EQ(single.domains[0].name, "clean");
  EXPECT_EQ(single.domains[0].test, one / "test.jsonl");

  const temporary_folder many;
  for (const char* name : {"photo.train.jsonl", "photo.test.jsonl", "art.train.jsonl", "art.test.jsonl", "notes.txt"})
    many.write(name, "");
  const auto several = list_domains(many.path()).value();
  EXPECT_TRUE(several.several);
  ASSERT_EQ(several.domains.size(), 2U);
  EXPECT_EQ(several.domains[0].name, "art");
  EXPECT_EQ(several.find("photo")->train, many / "photo.train.jsonl");
  const auto unknown = several.find("sketch");
  EXPECT_EQ(unknown.err().code, errc::not_found);
  EXPECT_NE(unknown.err().context.find("art, photo"), std::string::npos);
}

TEST(data_folder, errors_name_what_is_missing) {
  const temporary_folder folder;
  EXPECT_EQ(list_domains(folder / "none").err().code, errc::not_found);
  EXPECT_NE(list_domains(folder.path()).err().context.find("train.jsonl, test.jsonl"), std::string::npos);
  folder.write("train.jsonl", "");
  EXPECT_NE(list_domains(folder.path()).err().context.find("has no test.jsonl"), std::string::npos);
  folder.write("art.test.jsonl", "");
  folder.write("photo.train.jsonl", "");
  EXPECT_NE(list_domains(folder.path()).err().context.find("art.train.jsonl, photo.test.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace freshet::scenes
