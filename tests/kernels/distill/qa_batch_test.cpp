// Every label against the text as it would be read one token at a time.
#include "kernels/distill/qa_batch.hpp"

#include "kernels/model/word_tokenizer.hpp"
#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {
namespace {

std::vector<std::vector<qa_block>> random_blocks(std::size_t pictures, std::uint64_t seed) {
  rng draw(seed);
  const auto tokens = [&] {
    std::vector<std::int32_t> out(1 + draw.below(4));
    for (auto& t : out) t = static_cast<std::int32_t>(3 + draw.below(30));
    return out;
  };
  std::vector<std::vector<qa_block>> blocks(pictures);
  for (auto& row : blocks) {
    row.resize(1 + draw.below(3));
    for (auto& b : row) b = {tokens(), tokens()};
  }
  return blocks;
}

TEST(qa_batch, each_label_follows_what_precedes_it) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto blocks = random_blocks(4, seed);
    const qa_batch batch = pack_batch({}, blocks);
    std::int64_t label = 0;
    for (std::size_t n = 0; n < blocks.size(); ++n) {
      for (std::size_t number = 0; number < blocks[n].size(); ++number) {
        std::vector<std::int32_t> read = blocks[n][number].prompt;
        for (std::int32_t expected : blocks[n][number].answer) {
          ASSERT_LT(label, batch.labels.numel());
          const std::int64_t row = batch.label_rows[label].item<std::int64_t>();
          const std::int64_t column = batch.label_columns[label].item<std::int64_t>();
          EXPECT_EQ(row, static_cast<std::int64_t>(n));
          EXPECT_EQ(batch.labels[label].item<std::int64_t>(), expected);
          EXPECT_EQ(batch.text.block[row][column].item<std::int64_t>(), static_cast<std::int64_t>(number));
          EXPECT_EQ(batch.text.offset[row][column].item<std::int64_t>(), static_cast<std::int64_t>(read.size()) - 1);
          // Everything up to the position is exactly what has been read.
          for (std::size_t i = 0; i < read.size(); ++i) {
            const std::int64_t at = column - static_cast<std::int64_t>(read.size() - 1 - i);
            EXPECT_EQ(batch.text.ids[row][at].item<std::int64_t>(), read[i]);
            EXPECT_EQ(batch.text.block[row][at].item<std::int64_t>(), static_cast<std::int64_t>(number));
          }
          read.push_back(expected);
          ++label;
        }
      }
    }
    EXPECT_EQ(label, batch.labels.numel());
    EXPECT_EQ(label, batch.label_rows.numel());
    EXPECT_EQ(label, batch.label_columns.numel());
  }
}

TEST(qa_batch, the_last_answer_token_is_not_read) {
  const qa_batch batch = pack_batch({}, {{{{10, 11}, {12, 2}}, {{13}, {2}}}});
  EXPECT_EQ(batch.text.ids.sizes(), (std::vector<std::int64_t>{1, 4}));
  const at::Tensor want = at::tensor(std::vector<std::int64_t>{10, 11, 12, 13}, at::kLong).unsqueeze(0);
  EXPECT_TRUE(batch.text.ids.equal(want));
}

TEST(qa_batch, label_hidden_equals_single_questions) {
  const at::NoGradGuard no_grad;
  at::manual_seed(1);
  const model::multimodal m = tiny_student();
  const auto blocks = random_blocks(3, 7);
  model::visual_input pictures;
  pictures.patches = at::randn({3, tiny_cells, tiny_patch_bytes});
  const at::Tensor visual = m.visual_tokens(pictures);
  const at::Tensor together = label_hidden(m, visual, pack_batch(pictures, blocks));
  std::int64_t label = 0;
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    for (const qa_block& b : blocks[n]) {
      const at::Tensor alone = label_hidden(m, visual.narrow(0, static_cast<std::int64_t>(n), 1), pack_batch({}, {{b}}));
      EXPECT_LT(largest_difference(together.narrow(0, label, alone.size(0)), alone), 1e-5);
      label += alone.size(0);
    }
  }
  EXPECT_EQ(label, together.size(0));
}

TEST(qa_batch, answers_end_with_the_end_token) {
  const auto words = model::word_tokenizer::make({"what", "color", "red"}).value();
  EXPECT_EQ(prompt_tokens(*words, "What color"), words->encode("what color"));
  std::vector<std::int32_t> want = words->encode("red");
  want.push_back(model::word_tokenizer::eos_id);
  EXPECT_EQ(answer_tokens(*words, "red"), want);
}

TEST(qa_batch_death, wants_a_prompt_and_an_answer) {
  EXPECT_DEATH((void)pack_batch({}, {{{{}, {1}}}}), "without prompt or answer");
  EXPECT_DEATH((void)pack_batch({}, {{{{1}, {}}}}), "without prompt or answer");
}

}  // namespace
}  // namespace freshet::distill
