"""What is learned from: training sets, batches, and what a card's training section names."""
