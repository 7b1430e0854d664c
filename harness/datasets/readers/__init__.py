"""What readers of data sets share: captions files, annotations, and where in a data root a data set is."""
