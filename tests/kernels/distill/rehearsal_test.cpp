// The rehearsal set, written and read back, and refused when it is damaged.
#include "kernels/distill/rehearsal.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/word_tokenizer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::distill {
namespace {

model::vision_config eyes() {
  model::vision_config v;
  v.num_channels = 3;
  v.image_size = 8;
  v.patch_size = 4;
  return v;
}

std::shared_ptr<const model::word_tokenizer> rehearsal_words() {
  return model::word_tokenizer::make({"what", "is", "it", "red", "blue"}).value();
}

std::vector<scenes::example> examples() {
  rng draw(1);
  std::vector<scenes::example> out(3);  // the first picture is held out
  for (auto& e : out) {
    e.picture = scenes::image(8, 8);
    for (auto& x : e.picture.rgb) x = static_cast<std::uint8_t>(draw.below(256));
  }
  out[0].questions = {{"what is it", "red", scenes::category::other}, {"is it \"blue\"", "blue", scenes::category::other}};
  out[2].questions = {{"is it", "red", scenes::category::other}};
  return out;
}

constexpr auto part = rehearsal_part::rehearsed;

TEST(rehearsal, comes_back_as_one_sample_a_question) {
  const test::temporary_folder folder;
  const auto given = examples();
  ASSERT_TRUE(save_rehearsal(folder.path(), given, eyes()).ok());
  auto samples = load_rehearsal(folder.path(), eyes(), *rehearsal_words(), rehearsal_part::held_out).value();
  const auto others = load_rehearsal(folder.path(), eyes(), *rehearsal_words(), rehearsal_part::rehearsed).value();
  ASSERT_EQ(samples.size(), 2U);
  ASSERT_EQ(others.size(), 1U);
  samples.insert(samples.end(), others.begin(), others.end());
  std::size_t at = 0;
  for (const auto& e : given) {
    const auto patches = model::cut_patches(e.picture.rgb.data(), 8, 4);
    for (const auto& q : e.questions) {
      const labelled_sample& s = *samples[at++];
      EXPECT_EQ(s.prompt, prompt_tokens(*rehearsal_words(), q.question));
      EXPECT_EQ(s.answer, answer_tokens(*rehearsal_words(), q.answer));
      EXPECT_EQ(s.positions, (std::vector<std::int64_t>{0, 1, 2, 3}));
      ASSERT_EQ(s.patches.bytes(), patches.size());
      EXPECT_EQ(std::memcmp(s.patches.data(), patches.data(), patches.size()), 0);
      EXPECT_TRUE(s.rest_mass.empty());
    }
  }
}

TEST(rehearsal, no_picture_of_the_examination_is_rehearsed) {
  const test::temporary_folder folder;
  rng draw(2);
  std::vector<scenes::example> given(40);
  std::size_t questions = 0;
  for (auto& e : given) {
    e.picture = scenes::image(8, 8);
    for (auto& x : e.picture.rgb) x = static_cast<std::uint8_t>(draw.below(256));
    for (std::uint64_t n = draw.below(3) + 1; n > 0; --n, ++questions)
      e.questions.push_back({"what is it", "red", scenes::category::other});
  }
  ASSERT_TRUE(save_rehearsal(folder.path(), given, eyes()).ok());
  const auto examined = load_rehearsal(folder.path(), eyes(), *rehearsal_words(), rehearsal_part::held_out).value();
  const auto rehearsed = load_rehearsal(folder.path(), eyes(), *rehearsal_words(), rehearsal_part::rehearsed).value();
  EXPECT_EQ(examined.size() + rehearsed.size(), questions);
  EXPECT_GE(examined.size(), 40U / held_out_every);
  for (const auto& a : examined)
    for (const auto& b : rehearsed) EXPECT_FALSE(a->patches == b->patches);
}

TEST(rehearsal, of_text_alone_is_questions_without_cells) {
  const test::temporary_folder folder;
  auto given = examples();
  EXPECT_EQ(save_rehearsal(folder.path(), given, std::nullopt).err().code, errc::shape_mismatch) << "with pictures";
  for (auto& e : given) e.picture = {};
  ASSERT_TRUE(save_rehearsal(folder.path(), given, std::nullopt).ok());
  const auto rehearsed = load_rehearsal(folder.path(), std::nullopt, *rehearsal_words(), part);
  ASSERT_TRUE(rehearsed.ok()) << rehearsed.err().text();
  ASSERT_EQ(rehearsed->size(), 1U);
  EXPECT_EQ(rehearsed->front()->prompt, prompt_tokens(*rehearsal_words(), "is it"));
  EXPECT_TRUE(rehearsed->front()->patches.empty());
  EXPECT_TRUE(rehearsed->front()->positions.empty());
  EXPECT_EQ(load_rehearsal(folder.path(), std::nullopt, *rehearsal_words(), rehearsal_part::held_out)->size(), 2U);
  EXPECT_EQ(load_rehearsal(folder.path(), eyes(), *rehearsal_words(), part).err().code, errc::shape_mismatch);
}

TEST(rehearsal, a_folder_without_one_gives_none) {
  const test::temporary_folder folder;
  EXPECT_TRUE(load_rehearsal(folder.path(), eyes(), *rehearsal_words(), part)->empty());
}

TEST(rehearsal, refuses_pictures_of_another_size) {
  const test::temporary_folder folder;
  auto given = examples();
  given[1].picture = scenes::image(8, 12);
  EXPECT_EQ(save_rehearsal(folder.path(), given, eyes()).err().code, errc::shape_mismatch);
  ASSERT_TRUE(save_rehearsal(folder.path(), examples(), eyes()).ok());
  model::vision_config other = eyes();
  other.patch_size = 2;
  EXPECT_EQ(load_rehearsal(folder.path(), other, *rehearsal_words(), part).err().code, errc::shape_mismatch);
}

TEST(rehearsal, refuses_questions_of_another_form) {
  const host_tensor patches = host_tensor::of(std::vector<std::uint8_t>(4 * 48, 0), {1, 4, 48});
  for (const char* questions :
       {"", "7", "[7]", "[[0, \"what\"]]", "[[1, \"what\", \"red\"]]", "[[-1, \"what\", \"red\"]]",
        "[[0.5, \"what\", \"red\"]]", "[[0, \"\", \"red\"]]", "[[0, \"what\", 7]]", "[[0, \"what\", \"red\"]"}) {
    const test::temporary_folder folder;
    ASSERT_TRUE(model::write_safetensors(folder / rehearsal_file, {{"patches", patches}}, {{"questions", questions}}).ok());
    const auto read = load_rehearsal(folder.path(), eyes(), *rehearsal_words(), rehearsal_part::held_out);
    ASSERT_FALSE(read.ok()) << questions;
    EXPECT_EQ(read.err().code, errc::corrupt) << questions;
    EXPECT_NE(read.err().context.find(rehearsal_file), std::string::npos);
  }
}

TEST(rehearsal, refuses_a_file_cut_anywhere) {
  const test::temporary_folder folder;
  ASSERT_TRUE(save_rehearsal(folder.path(), examples(), eyes()).ok());
  std::ifstream in(folder / rehearsal_file, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t size = 0; size < whole.size(); size += size < 40 ? 1 : 41) {
    folder.write(rehearsal_file, whole.substr(0, size));
    EXPECT_FALSE(load_rehearsal(folder.path(), eyes(), *rehearsal_words(), part).ok()) << size;
  }
}

}  // namespace
}  // namespace freshet::distill
