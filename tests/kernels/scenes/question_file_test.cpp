#include "kernels/scenes/question_file.hpp"

#include "kernels/scenes/skip_counter.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace freshet::scenes {
namespace {

using test::temporary_folder;

skip_kind kind_of_line(const std::string& line) {
  const auto parsed = parse_question_line(line);
  EXPECT_FALSE(parsed.ok()) << line;
  return parsed ? skip_kind::unreadable : kind_of(parsed.err());
}

std::string about(const std::string& image) { return R"({"image": ")" + image + R"(", "question": "q?"})"; }

TEST(question_line, reads_all_fields_and_ignores_unknown_ones) {
  const auto full =
      parse_question_line(R"({"image":"a/b.png","question":"what?","answer":"cat","domain":"photo","x":[1,{}]})")
          .value();
  EXPECT_EQ(full.image, "a/b.png");
  EXPECT_EQ(full.question, "what?");
  EXPECT_EQ(full.answer, "cat");
  EXPECT_EQ(full.domain, "photo");
  const auto bare = parse_question_line(R"({"image":"a.png","question":"what?"})").value();
  EXPECT_FALSE(bare.answer.has_value());
  EXPECT_FALSE(bare.domain.has_value());
  EXPECT_FALSE(parse_question_line(R"({"image":"a.png","question":"what?","answer":null})")->answer.has_value());
  EXPECT_FALSE(parse_question_line(R"({"image":"a.png","question":"what?","answer":" "})")->answer.has_value());
}

TEST(question_line, bad_lines_by_kind) {
  for (const char* line :
       {"nonsense", "{", "[]", "3", "{}", R"({"image": 3, "question": "q"})", R"({"answer": "a"})",
        R"({"image": "a.png", "question": ["q"]})", R"({"image": "a.png", "question": "q", "answer": 1})"})
    EXPECT_EQ(kind_of_line(line), skip_kind::bad_line) << line;
  EXPECT_EQ(kind_of_line("{\"image\": \"a.png\", \"question\": \"\xFF\xFE\"}"), skip_kind::bad_line);  // not UTF-8
  for (const char* line : {R"({"image": "a.png"})", R"({"image": "a.png", "question": ""})", R"({"question": " "})",
                           R"({"image": "a.png", "question": " \t "})", R"({"image": "a.png", "question": null})"})
    EXPECT_EQ(kind_of_line(line), skip_kind::empty_question) << line;
  EXPECT_EQ(kind_of_line(about(std::string(5000, 'a'))), skip_kind::oversized);
  EXPECT_EQ(kind_of_line(about(std::string(70000, 'a'))), skip_kind::oversized);
  EXPECT_EQ(kind_of_line(std::string(10000, '[')), skip_kind::bad_line);
}

TEST(question_line, without_an_image_is_a_question_of_text_alone) {
  for (const char* line : {R"({"question": "what?", "answer": "cat"})", R"({"image": null, "question": "what?", "answer": "cat"})"}) {
    const auto read = parse_question_line(line);
    ASSERT_TRUE(read.ok()) << line;
    EXPECT_FALSE(read->image.has_value()) << line;
    EXPECT_EQ(read->question, "what?");
    EXPECT_EQ(read->answer, "cat");
  }
}

TEST(question_line, paths_stay_in_their_folder) {
  for (const char* path : {"/etc/passwd", "..", "../a.png", "a/../../b.png", "a/..", "", "..\\\\a.png", "a\\u0000.png"})
    EXPECT_EQ(kind_of_line(about(path)), skip_kind::unsafe_path) << path;
  for (const char* path : {"a.png", "a/b/c.png", "..a.png", "a..b/c.png", "./a.png"})
    EXPECT_TRUE(parse_question_line(about(path)).ok()) << path;
}

TEST(question_line, brackets_inside_texts_are_not_depth) {
  EXPECT_TRUE(
      parse_question_line(R"({"image":"a.png","question":"[[[[[[[[[[[[[[[[[[[[[[ \" {{{{{{{{{{{{{{{{{{{{{?"})").ok());
}

TEST(question_line, any_prefix_is_an_error_and_never_does_harm) {
  const std::string line = R"({"image": "a/b.png", "question": "what is \u00e9 this?", "answer": "cat"})";
  for (std::size_t keep = 0; keep < line.size(); ++keep)
    EXPECT_EQ(kind_of_line(line.substr(0, keep)), skip_kind::bad_line) << keep;
}

TEST(question_file, keeps_bad_lines_as_located_errors_and_skips_blank_ones) {
  const temporary_folder folder;
  folder.write("t.jsonl", about("a.png") + "\r\n\n   \nnonsense\n" + about("../b.png") + "\n" + about("c.png"));
  const auto lines = read_question_file(folder / "t.jsonl").value();
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]->image, "a.png");
  EXPECT_EQ(kind_of(lines[1].err()), skip_kind::bad_line);
  EXPECT_NE(lines[1].err().context.find("t.jsonl:4: "), std::string::npos) << lines[1].err().context;
  EXPECT_EQ(kind_of(lines[2].err()), skip_kind::unsafe_path);
  EXPECT_NE(lines[2].err().context.find("t.jsonl:5: "), std::string::npos);
  EXPECT_EQ(lines[3]->image, "c.png");
}

TEST(question_file, long_lines_are_bounded_across_read_pieces) {
  const temporary_folder folder;
  std::string text = about(std::string(300000, 'x')) + "\n";
  for (int i = 0; i < 5000; ++i) text += about("image" + std::to_string(i) + ".png") + "\n";
  folder.write("t.jsonl", text);
  const auto lines = read_question_file(folder / "t.jsonl").value();
  ASSERT_EQ(lines.size(), 5001U);
  EXPECT_EQ(kind_of(lines[0].err()), skip_kind::oversized);
  for (std::size_t i = 0; i < 5000; ++i) EXPECT_EQ(lines[i + 1]->image, "image" + std::to_string(i) + ".png");
  question_limits few;
  few.max_lines = 100;
  EXPECT_EQ(read_question_file(folder / "t.jsonl", few).err().code, errc::too_large);
  EXPECT_EQ(read_question_file(folder / "u.jsonl").err().code, errc::not_found);
}

TEST(skip_counter, counts_by_kind_and_tells_the_first) {
  skip_counter counter;
  EXPECT_EQ(counter.summary(), "");
  EXPECT_TRUE(counter.count(skip_error(skip_kind::bad_line, errc::corrupt, "x")));
  EXPECT_FALSE(counter.count(skip_error(skip_kind::bad_line, errc::truncated, "y")));
  EXPECT_TRUE(counter.count(skip_error(skip_kind::broken_image, errc::corrupt, "x")));
  EXPECT_EQ(counter.of(skip_kind::bad_line), 2U);
  EXPECT_EQ(counter.of(skip_kind::missing_image), 0U);
  EXPECT_EQ(counter.total(), 3U);
  EXPECT_EQ(counter.summary(), "2 bad_line, 1 broken_image");
}

TEST(skip_counter, every_kind_is_recognised_by_its_name) {
  for (std::size_t i = 0; i < all_skip_kinds; ++i)
    EXPECT_EQ(kind_of(skip_error(static_cast<skip_kind>(i), errc::internal, "x")), static_cast<skip_kind>(i));
  EXPECT_EQ(kind_of({errc::not_found, "plain"}), skip_kind::missing_image);
  EXPECT_EQ(kind_of({errc::truncated, ""}), skip_kind::broken_image);
  EXPECT_EQ(kind_of({errc::io, "bad_lineage: x"}), skip_kind::unreadable);
}

}  // namespace
}  // namespace freshet::scenes
