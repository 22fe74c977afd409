#include "kernels/distill/qa_batch.hpp"

#include <ATen/ATen.h>

namespace freshet::distill {

std::vector<std::int32_t> prompt_tokens(const model::tokenizer& words, const std::string& question) {
  return words.question_ids(question);
}

std::vector<std::int32_t> answer_tokens(const model::tokenizer& words, const std::string& answer) {
  return words.answer_ids(answer);
}

qa_batch pack_batch(model::visual_input visual, const std::vector<std::vector<qa_block>>& blocks) {
  std::vector<std::vector<std::vector<std::int32_t>>> ids;
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> columns;
  std::vector<std::int64_t> labels;
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    ids.emplace_back();
    std::int64_t at = 0;
    for (const qa_block& b : blocks[n]) {
      FRESHET_ENSURE(!b.prompt.empty() && !b.answer.empty(), "pack_batch: a block without prompt or answer");
      // The last answer token predicts nothing, so it is not read.
      std::vector<std::int32_t> block = b.prompt;
      block.insert(block.end(), b.answer.begin(), b.answer.end() - 1);
      for (std::size_t i = 0; i < b.answer.size(); ++i) {
        rows.push_back(static_cast<std::int64_t>(n));
        columns.push_back(at + static_cast<std::int64_t>(b.prompt.size() - 1 + i));
        labels.push_back(b.answer[i]);
      }
      at += static_cast<std::int64_t>(block.size());
      ids.back().push_back(std::move(block));
    }
  }
  return {std::move(visual), {}, {}, model::pack_blocks(ids), at::tensor(rows, at::kLong), at::tensor(columns, at::kLong),
          at::tensor(labels, at::kLong)};
}

at::Tensor visual_tokens(const model::multimodal& m, const qa_batch& batch) {
  if (batch.features.defined()) {
    if (batch.pixel_rows.numel() == 0) return m.tokens_of(batch.features);
    model::visual_input seen;
    const auto rows = [&](const at::Tensor& all) { return all.defined() ? all.index_select(0, batch.pixel_rows) : all; };
    seen.patches = rows(batch.visual.patches);
    seen.positions = rows(batch.visual.positions);
    seen.valid = rows(batch.visual.valid);
    return m.tokens_of(batch.features.index_copy(0, batch.pixel_rows, m.cell_features(seen)));
  }
  if (!batch.visual.patches.defined()) return m.no_picture(batch.text.ids.size(0));
  return m.visual_tokens(batch.visual);
}

at::Tensor label_hidden(const model::multimodal& m, const at::Tensor& visual_tokens, const qa_batch& batch) {
  const at::Tensor hidden = m.text_hidden(visual_tokens, batch.visual.valid, batch.text, batch.visual.positions);
  const at::Tensor flat = hidden.reshape({-1, hidden.size(2)});
  return flat.index_select(0, batch.label_rows * hidden.size(1) + batch.label_columns);
}

}  // namespace freshet::distill
